/**
 * Keeps one child process running: a loop of start, wait for its death, wait a little.
 * Each child leads a process group of its own, so that Ctrl-C in the terminal reaches the supervisor only and
 * what a dead child leaves behind in its group can be ended with it. Its standard input is a pipe that stays
 * open as long as this process lives (parent-watch.mjs).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { sleep, within } from '@cc-executor/runtime';
import { decideRestart, defaultLimits, freshState, type RestartLimits } from './restart-policy.ts';

export type ProcessSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** How long it may take to close after SIGTERM, in ms. */
  readonly graceMs: number;
};

export type Death = {
  /** `exit code 1`, `SIGKILL` or why it could not be started. */
  readonly reason: string;
  readonly code: number | null;
  readonly quickDeaths: number;
  readonly restartInMs: number;
  readonly loud: boolean;
};

export type ProcessListener = {
  /** `life` aborts when this start's process is dead or shall die. */
  onStart(pid: number, life: AbortSignal): void;
  /** Says whether to start it again. */
  onDeath(death: Death): 'restart' | 'give up';
  /** One line of its output, without the line end. */
  onLine(line: string): void;
};

export type SupervisedProcess = {
  readonly name: string;
  start(): void;
  isAlive(): boolean;
  /** It works now: counts towards the time of health that forgives earlier deaths. */
  markReady(): void;
  /** SIGTERM, then SIGKILL when the grace is over; resolves when it is dead. Idempotent. */
  stop(): Promise<'stopped' | 'killed'>;
  /** SIGKILL now, also while it is being stopped. */
  kill(): void;
};

/** How long to wait for the last lines of a dead child whose pipes a descendant may still hold, in ms. */
const LAST_LINES_MS = 500;

/** Makes the supervisor of one child; nothing runs before `start`. */
export function superviseProcess(
  spec: ProcessSpec,
  listener: ProcessListener,
  limits: RestartLimits = defaultLimits,
): SupervisedProcess {
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  let readyAt: number | undefined;
  let running: Promise<void> | undefined;
  let stopped: Promise<'stopped' | 'killed'> | undefined;
  let wasKilled = false;

  async function keepRunning(): Promise<void> {
    let state = freshState;
    while (!stopping.signal.aborted) {
      const { reason, code } = await runOnce();
      if (stopping.signal.aborted) return;
      const decision = decideRestart(state, readyAt && performance.now() - readyAt, limits);
      state = decision.state;
      const death: Death = {
        reason,
        code,
        quickDeaths: state.quickDeaths,
        restartInMs: decision.delayMs,
        loud: decision.loud,
      };
      if (listener.onDeath(death) === 'give up') return;
      // Rejects only when woken by stop(), which the loop's condition sees.
      await sleep(decision.delayMs, stopping.signal).catch(() => {});
    }
  }

  async function runOnce(): Promise<{ reason: string; code: number | null }> {
    readyAt = undefined;
    const process = spawnChild(spec);
    const life = new AbortController();
    const linesRead = [process.stdout, process.stderr].map((stream) => forwardLines(stream, listener.onLine));
    const death = awaitDeath(process);
    if (process.pid !== undefined) {
      child = process;
      listener.onStart(process.pid, life.signal);
    }
    const result = await death;
    life.abort();
    child = undefined;
    if (process.pid !== undefined) signalGroup(process.pid, 'SIGKILL');
    await within(Promise.all(linesRead), LAST_LINES_MS, { late: () => undefined });
    process.stdout.destroy();
    process.stderr.destroy();
    return result;
  }

  function kill(): void {
    stopping.abort();
    if (child?.pid === undefined) return;
    wasKilled = true;
    signalGroup(child.pid, 'SIGKILL');
  }

  return {
    name: spec.name,
    start() {
      running ??= keepRunning();
    },
    isAlive: () => child !== undefined,
    markReady() {
      readyAt = performance.now();
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort();
        child?.kill('SIGTERM');
        const timer = setTimeout(kill, spec.graceMs);
        await running;
        clearTimeout(timer);
        return wasKilled ? 'killed' : 'stopped';
      })();
      return stopped;
    },
    kill,
  };
}

function spawnChild(spec: ProcessSpec) {
  const process = spawn(spec.command, spec.args, {
    env: spec.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: isPosix,
    windowsHide: true,
  });
  // A child that dies breaks the pipe; its death is seen by itself.
  process.stdin.on('error', () => {});
  return process;
}

async function awaitDeath(process: ChildProcess): Promise<{ reason: string; code: number | null }> {
  try {
    const [code, signal] = (await once(process, 'exit')) as [number | null, NodeJS.Signals | null];
    return { reason: signal ?? `exit code ${code}`, code };
  } catch (error) {
    return { reason: `cannot be started: ${(error as Error).message}`, code: null };
  }
}

async function forwardLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', onLine);
  await once(lines, 'close');
}

const isPosix = process.platform !== 'win32';

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(isPosix ? -pid : pid, signal);
  } catch {
    // ESRCH: the group is empty, which is what was wanted.
  }
}
