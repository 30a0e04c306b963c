/**
 * Runs one command-line program to its end: no shell, a process group of its own, the input closed after the
 * prompt, output handed on as it comes. When it settles, nothing that the program started is alive.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onAbort, sleep } from '@cc-executor/runtime';
import type { PauseSwitch } from './engine.ts';
import { killMarked, killMarkedSync, MARKER_VARIABLE, signalGroup, signalTree } from './process-tree.ts';

const STDERR_KEPT_BYTES = 8 * 1024;
/** After the program and its children are gone, its pipes should close at once. */
const CLOSE_WITHIN_MS = 2_000;

/** What runs now, for the case that this process must end without waiting: marker by process id. */
const running = new Map<number, string>();

export interface CliCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is then closed: the CLI waits for ever for the end of it. */
  readonly input: string;
  /** Unique to this run; its children are found by it. */
  readonly marker: string;
}

export interface CliOptions {
  /** Aborting sends SIGINT, after `stopGraceMs` SIGTERM, and after as long again SIGKILL. */
  readonly signal: AbortSignal;
  readonly stopGraceMs: number;
  /** Takes standard output. Reading pauses while the promise it may return is pending, and the program lives. */
  readonly onOutput: (chunk: Buffer) => void | Promise<void>;
  /** While it says so the program and all it started stand still, and nothing is read. */
  readonly pause?: PauseSwitch;
}

export interface CliEnding {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** It could not be started. */
  readonly spawnError?: NodeJS.ErrnoException;
}

/** Runs the command. Never rejects for what the program did. */
export async function runCliProcess(command: CliCommand, options: CliOptions): Promise<CliEnding> {
  const started = await start(command);
  if ('spawnError' in started) return { exitCode: null, signal: null, stderr: '', ...started };
  const { child, exited } = started;
  const pid = child.pid!;
  const ended = new AbortController();
  const stderr = keepTail(child);
  const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
  child.once('close', () => onClose());

  let receiverBusy = false;
  let paused = false;

  function adjustReading(): void {
    // Once the program has ended what is left is little, and is read whatever the receiver does.
    if ((receiverBusy || paused) && !ended.signal.aborted) child.stdout.pause();
    else child.stdout.resume();
  }

  async function setPaused(value: boolean): Promise<void> {
    if (ended.signal.aborted) return;
    paused = value;
    if (value) adjustReading();
    await signalTree(pid, command.marker, value ? 'SIGSTOP' : 'SIGCONT');
    adjustReading();
  }

  async function stop(): Promise<void> {
    // A process that stands still cannot take the hint.
    if (paused) await setPaused(false);
    await descend(pid, options.stopGraceMs, ended.signal);
  }

  child.stdout.on('data', (chunk: Buffer) => {
    const wait = options.onOutput(chunk);
    if (wait === undefined) return;
    receiverBusy = true;
    adjustReading();
    void wait.finally(() => {
      receiverBusy = false;
      adjustReading();
    });
  });
  // It may end, or close its input, before it has read the prompt: its exit says what that means.
  child.stdin.on('error', () => {});
  child.stdin.end(command.input);

  const off = onAbort(options.signal, () => void stop());
  options.pause?.follow(setPaused);

  const [exitCode, signal] = await exited;
  ended.abort();
  off();
  signalGroup(pid, 'SIGKILL');
  await killMarked(command.marker);
  running.delete(pid);
  adjustReading();
  // A process that nothing here can find may still hold the pipes open: they are left to it.
  const late = setTimeout(onClose, CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(late);
  child.stdout.destroy();
  child.stderr.destroy();
  return { exitCode, signal, stderr: stderr() };
}

/**
 * Kills all that runs now with all that it started, without giving way: for a handler of the process's `exit`. Nothing
 * else may be expected of a process that was told to end at once.
 */
export function killRunning(): void {
  if (running.size === 0) return;
  for (const pid of running.keys()) signalGroup(pid, 'SIGKILL');
  const markers = new Set(running.values());
  killMarkedSync((marker) => markers.has(marker));
}

type Exit = [number | null, NodeJS.Signals | null];
type Started =
  | { child: ChildProcessWithoutNullStreams; exited: Promise<Exit> }
  | { spawnError: NodeJS.ErrnoException };

async function start({ file, args, cwd, env, marker }: CliCommand): Promise<Started> {
  try {
    const child = spawn(file, args, {
      cwd,
      env: { ...env, [MARKER_VARIABLE]: marker },
      detached: true,
      stdio: 'pipe',
    });
    if (child.pid !== undefined) running.set(child.pid, marker);
    const { promise: exited, resolve } = Promise.withResolvers<Exit>();
    child.once('exit', (code, signal) => resolve([code, signal]));
    await once(child, 'spawn');
    // Later errors are of a signal that could not be sent; we signal the group ourselves.
    child.on('error', () => {});
    return { child, exited };
  } catch (error) {
    return { spawnError: error as NodeJS.ErrnoException };
  }
}

/** The way down: ask, insist, force. */
async function descend(pid: number, graceMs: number, ended: AbortSignal): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    if (ended.aborted || !signalGroup(pid, signal)) return;
    await sleep(graceMs, ended).catch(() => {
      // The process ended during the grace.
    });
  }
}

function keepTail(child: ChildProcessWithoutNullStreams): () => string {
  let tail = Buffer.alloc(0);
  child.stderr.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk.subarray(-STDERR_KEPT_BYTES)]).subarray(-STDERR_KEPT_BYTES);
  });
  return () => tail.toString('utf8').trim();
}
