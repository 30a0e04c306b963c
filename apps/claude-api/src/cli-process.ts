/**
 * Runs one command-line program to its end: no shell, a process group of its own, the input closed after the
 * prompt, output handed on as it comes. When it settles, nothing that the program started is alive.
 */
import type { Readable } from 'node:stream';
import { onAbort, sleep } from '@cc-executor/runtime';
import type { Containment } from './containment.ts';
import type { PauseSwitch } from './engine.ts';
import { killHolders, killTree, killTreesSync } from './killing.ts';
import { signalGroup } from './process-tree.ts';
import { goOn, standStill } from './standstill.ts';
import { type Exit, type Program, type Started, startSupervised } from './supervision.ts';

const STDERR_KEPT_BYTES = 8 * 1024;
/** After the program and its children are gone, its pipes should close at once. */
const CLOSE_WITHIN_MS = 2_000;

/** What runs now, for the case that this process must end without waiting. */
const running = new Set<Started>();

/** `marker` is unique to this run. */
export type CliCommand = Program & {
  /** Written to its standard input, which is then closed: the CLI waits for ever for the end of it. */
  readonly input: string;
};

export type CliOptions = {
  /** Aborting sends SIGINT, after `stopGraceMs` SIGTERM, and after as long again SIGKILL. */
  readonly signal: AbortSignal;
  readonly stopGraceMs: number;
  readonly containment: Containment;
  /** Takes standard output. Reading pauses while the promise it may return is pending, and the program lives. */
  readonly onOutput: (chunk: Buffer) => void | Promise<void>;
  /** While it says so the program and all it started stand still, and nothing is read. */
  readonly pause?: PauseSwitch;
};

export type CliEnding = Exit & {
  readonly stderr: string;
};

/** Runs the command. Never rejects for what the program did. */
export async function runCliProcess(command: CliCommand, options: CliOptions): Promise<CliEnding> {
  const started = startSupervised(command, options.containment);
  if (started.child.pid !== undefined) running.add(started);
  const { child, exited } = started;
  const stderr = keepTail(child.stderr);
  try {
    await started.ready;
  } catch (error) {
    running.delete(started);
    return { exitCode: null, signal: null, stderr: stderr(), spawnError: error as NodeJS.ErrnoException };
  }
  const ended = new AbortController();
  const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
  child.once('close', () => onClose());

  const stopping = new AbortController();
  const untilStop = AbortSignal.any([ended.signal, stopping.signal]);

  let receiverBusy = false;
  let paused = false;
  /** One change at a time: what stops processes and what lets them go on must not meet. */
  let lastChange: Promise<void> = Promise.resolve();

  function adjustReading(): void {
    // Once the program has ended what is left is little, and is read whatever the receiver does.
    if ((receiverBusy || paused) && !ended.signal.aborted) child.stdout.pause();
    else child.stdout.resume();
  }

  async function change(value: boolean): Promise<void> {
    // What is being stopped for good is not held on the way.
    if (untilStop.aborted) return;
    paused = value;
    adjustReading();
    await (value ? standStill : goOn)(started.tree, untilStop);
  }

  function setPaused(value: boolean): Promise<void> {
    lastChange = lastChange.then(() => change(value));
    return lastChange;
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await lastChange;
    await descend(started, options.stopGraceMs, ended.signal, async () => {
      if (!paused) return;
      paused = false;
      adjustReading();
      await goOn(started.tree, ended.signal);
    });
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

  const exit = await exited;
  ended.abort();
  off();
  // To look for what is left takes longer than all else that is to be done at the end of a run.
  if (!started.isSealed) await killTree(started.tree);
  await started.release();
  if (started.isSealed && child.signalCode !== null) await killTree(started.tree);
  running.delete(started);
  adjustReading();
  // A process that nothing here can find may still hold the pipes open: they are left to it.
  const late = setTimeout(onClose, CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(late);
  child.stdout.destroy();
  child.stderr.destroy();
  return { ...exit, stderr: stderr() };
}

/**
 * Kills all that runs now with all that it started, without giving way: for a handler of the process's `exit`. Nothing
 * else may be expected of a process that was told to end at once.
 */
export function killRunning(): void {
  if (running.size > 0) killTreesSync([...running].map((started) => started.tree()));
}

/**
 * The way down: ask, insist, force.
 *
 * @param wake lets go on what stands still; asked before, it takes no other step
 */
async function descend(
  started: Started,
  graceMs: number,
  ended: AbortSignal,
  wake: () => Promise<void>,
): Promise<void> {
  const { group } = started.tree();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    if (ended.aborted || !signalGroup(group, signal)) return;
    await wake();
    await sleep(graceMs, ended).catch(() => {
      // The process ended during the grace.
    });
  }
  if (ended.aborted) return;
  await killTree(started.tree);
  // One that was stopped by what it held cannot say that this has ended.
  await sleep(graceMs, ended).then(
    () => killHolders(started.tree()),
    () => {},
  );
}

function keepTail(stderr: Readable): () => string {
  let tail = Buffer.alloc(0);
  stderr.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk.subarray(-STDERR_KEPT_BYTES)]).subarray(-STDERR_KEPT_BYTES);
  });
  return () => tail.toString('utf8').trim();
}
