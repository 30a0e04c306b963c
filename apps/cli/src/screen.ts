/**
 * Standard output and standard error of one command: the answer goes to the one, everything said about it to the
 * other. On a terminal a spinner runs while nothing comes, and a note never lands in the middle of a line.
 */
import type { Writable } from 'node:stream';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import { type ColorStream, type Colors, colorsFor } from './colors.ts';
import { harmlessOn } from './harmless.ts';

export type Screen = {
  readonly colors: Colors;
  /** Standard output has lost its reader. */
  readonly isGone: boolean;
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

export type ScreenOptions = { quiet: boolean; json: boolean };

export type ScreenStreams = { stdout: Writable & ColorStream; stderr: Writable & ColorStream };

export function createScreen(
  { quiet, json }: ScreenOptions,
  { stdout, stderr }: ScreenStreams = process,
): Screen {
  const colors = colorsFor(stderr);
  const isSilent = quiet || json;
  const isShared = stdout.isTTY === true && stderr.isTTY === true;
  let spinner: Spinner | undefined;
  let isAtLineStart = true;
  let isGone = false;

  function write(text: string): Promise<void> {
    if (isGone) return Promise.resolve();
    if (text !== '') isAtLineStart = text.endsWith('\n');
    return new Promise((resolve, reject) => {
      stdout.write(json ? text : harmlessOn(stdout, text), (error) => {
        if ((error as NodeJS.ErrnoException | null)?.code === 'EPIPE') isGone = true;
        else if (error) return reject(error);
        resolve();
      });
    });
  }

  function warn(line: string): void {
    const lineEnd = isShared && !isAtLineStart ? '\n' : '';
    if (isShared) isAtLineStart = true;
    stderr.write(`${lineEnd}${line}\n`);
  }

  return {
    colors,
    get isGone() {
      return isGone;
    },
    write: (text, freshLine = false) => write(freshLine && !isAtLineStart ? `\n${text}` : text),
    note(line) {
      if (!isSilent) warn(line);
    },
    warn,
    wait(text) {
      if (isSilent || stderr.isTTY !== true) return;
      // Signals are ours: a first Ctrl-C cancels the job.
      if (!spinner) spinner = yoctoSpinner({ text, stream: stderr, handleSignals: false }).start();
      else spinner.text = text;
    },
    stop() {
      spinner?.stop();
      spinner = undefined;
    },
    async finish() {
      if (!isAtLineStart) await write('\n');
    },
  };
}
