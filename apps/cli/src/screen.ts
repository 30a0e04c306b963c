/**
 * Standard output and standard error of one command: the answer goes to the one, everything said about it to the
 * other. On a terminal the answer is rendered as Markdown, a spinner runs while nothing comes, and a note never lands in the middle
 * of a line.
 */
import type { Writable } from 'node:stream';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import { type ColorStream, type Colors, colorsFor, hasColors } from './colors.ts';
import { oneLine } from './format.ts';
import { harmlessOn } from './harmless.ts';
import { createMarkdown } from './markdown.ts';
import { columnsOf, wrapFor } from './wrap.ts';

export type Screen = {
  readonly colors: Colors;
  /** Standard output has lost its reader. */
  readonly isGone: boolean;
  /** Somebody sees what we wait for. */
  readonly isWatched: boolean;
  /** Writes to standard output, to a terminal only what does not steer it; resolves when it is taken. Rejects with the stream's error, unless nobody reads. */
  write(text: string, freshLine?: boolean): Promise<void>;
  /** A line about the job, unless only the answer is wanted. */
  note(line: string): void;
  /** A line that must be read. */
  warn(line: string): void;
  /** What we wait for now; starts the spinner. */
  wait(text: string): void;
  /** Takes the spinner away. */
  stop(): void;
  /** The answer is over: ends its last line, as every program that prints text does. */
  finish(): Promise<void>;
};

/** `plain`: the answer is printed as it is written, on a terminal too. */
export type ScreenOptions = { quiet: boolean; json: boolean; plain: boolean };

type ScreenStream = Writable & ColorStream & { columns?: number };

export type ScreenStreams = { stdout: ScreenStream; stderr: ScreenStream };

const DEFAULT_COLUMNS = 80;
/** Of the spinner, and the space behind it. */
const SPINNER_CELLS = 3;

export function createScreen(
  { quiet, json, plain }: ScreenOptions,
  { stdout, stderr }: ScreenStreams = process,
): Screen {
  const colors = colorsFor(stderr);
  const isSilent = quiet || json;
  const isShared = stdout.isTTY === true && stderr.isTTY === true;
  const isRendered = !json && !plain && hasColors(stdout);
  const markdown = isRendered
    ? createMarkdown(colorsFor(stdout), columnsOf(stdout) ?? DEFAULT_COLUMNS)
    : undefined;
  let spinner: Spinner | undefined;
  let isAtLineStart = true;
  let isGone = false;

  function put(text: string): Promise<void> {
    if (isGone || text === '') return Promise.resolve();
    isAtLineStart = text.endsWith('\n');
    return new Promise((resolve, reject) => {
      stdout.write(text, (error) => {
        if ((error as NodeJS.ErrnoException | null)?.code === 'EPIPE') isGone = true;
        else if (error) return reject(error);
        resolve();
      });
    });
  }

  function write(text: string, freshLine = false): Promise<void> {
    const shown = json ? text : harmlessOn(stdout, text);
    if (markdown) return put((freshLine ? markdown.end() : '') + markdown.take(shown));
    return put(freshLine && !isAtLineStart ? `\n${shown}` : shown);
  }

  function warn(line: string): void {
    // What keeps it from being written is told by the next part of the answer.
    if (isShared && markdown) put(markdown.flush()).catch(() => {});
    const lineEnd = isShared && !isAtLineStart ? '\n' : '';
    if (isShared) isAtLineStart = true;
    stderr.write(`${lineEnd}${wrapFor(stderr, line)}\n`);
  }

  return {
    colors,
    get isGone() {
      return isGone;
    },
    isWatched: !isSilent && stderr.isTTY === true,
    write,
    note(line) {
      if (!isSilent) warn(line);
    },
    warn,
    wait(line) {
      if (isSilent || stderr.isTTY !== true) return;
      // A line that wraps leaves its beginning behind.
      const text = oneLine(line, (columnsOf(stderr) ?? DEFAULT_COLUMNS) - SPINNER_CELLS);
      // Signals are ours: a first Ctrl-C cancels the job.
      if (!spinner) spinner = yoctoSpinner({ text, stream: stderr, handleSignals: false }).start();
      else spinner.text = text;
    },
    stop() {
      spinner?.stop();
      spinner = undefined;
    },
    async finish() {
      if (markdown) await put(markdown.end());
      if (!isAtLineStart) await put('\n');
    },
  };
}
