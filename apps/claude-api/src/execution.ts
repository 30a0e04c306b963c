/**
 * One execution: runs the engine, hands its lines to the output, and ends the output exactly once, always
 * last, whatever happens. Lines that only this service may write are not taken from the engine.
 * While it is paused its clocks stand still, all but that of the pause; pings go on, so that the caller knows that it is
 * there.
 */
import {
  type BackgroundTask,
  createStreamReader,
  createTextDigest,
  judgeResult,
  type StreamEvent,
  type Verdict,
} from '@cc-executor/claude-stream';
import { createPausableClock, type Logger, logEvents } from '@cc-executor/runtime';
import { createBackgroundWatch } from './background-watch.ts';
import type { Engine, EngineEnding, ExecutionRequest, Prepared } from './engine.ts';
import type { ExecutionLimits } from './executions.ts';
import { createExitWatch } from './exit-watch.ts';
import { createLoginWatch } from './login-watch.ts';
import { createPauseControl } from './pause-control.ts';
import { decideOutcome, type Outcome, type StopReason } from './verdict.ts';
import type { JobDiff } from './workspaces/job-diff.ts';

type Completion = Outcome & {
  readonly executionId: string;
  readonly exitCode: number | null;
  /** Length in bytes and SHA-256 of the answer's text. */
  readonly bytes: number;
  readonly digest: string;
  /** What Claude Code knows it by, once it has said so; null when it cannot be continued. */
  readonly conversation?: string | null;
  /** What still ran in the background, and was ended. */
  readonly backgroundTasks?: readonly BackgroundTask[];
  readonly diff?: JobDiff;
};

/** Only this service may say these. */
const ownEvents = new Set<StreamEvent['type']>(['started', 'ping', 'paused', 'resumed', 'complete']);

/** Where an execution is written to. Nothing here may throw; what the caller cannot receive is dropped. */
export type ExecutionOutput = {
  /** @param credential the id of the one that the model is asked with, if it is the tenant's own */
  start(executionId: string, engine: string, credential?: string): void;
  /** Takes one line and what it means; it is written with the next `flush`. */
  line(line: string, events: readonly StreamEvent[]): void;
  /** A promise means: wait, the caller does not keep up. It settles at the latest when the caller has gone. */
  flush(): Promise<void> | undefined;
  ping(): void;
  notice(type: 'paused' | 'resumed' | 'background_output'): void;
  complete(completion: Completion): void;
};

export type Execution = {
  /** Stops it; the first reason counts. Nothing happens when it has ended. */
  stop(reason: StopReason): void;
  /** Holds it, or lets it go on; resolves when that is so, to false when it is ending anyway. Idempotent. */
  setPaused(paused: boolean): Promise<boolean>;
  /** Resolves, never rejects, when nothing of the execution is left and its output has ended. */
  readonly done: Promise<Completion>;
};

/** Starts an execution. */
export function startExecution(options: {
  request: ExecutionRequest;
  /** Given to the engine, which releases the place. */
  prepared: Prepared;
  engine: Engine;
  output: ExecutionOutput;
  limits: Pick<ExecutionLimits, 'executionTimeoutMs' | 'pausedTimeoutMs' | 'pingMs' | 'exitGraceMs'>;
  logger: Logger;
}): Execution {
  const { request, prepared, engine, output, limits } = options;
  const { executionId } = request;
  const logger = options.logger.child({ executionId });
  const startedAt = performance.now();
  const abort = new AbortController();
  const reader = createStreamReader();
  const digest = createTextDigest();
  const login = createLoginWatch();
  const background = createBackgroundWatch(async (id) => (await engine.backgroundBytes?.(id)) ?? 0);
  let verdict: Verdict | undefined;
  let conversation: string | undefined;
  let stopReason: StopReason | undefined;
  /** What ran in the background when it was to stop; before it is stopped, Claude Code ends that itself. */
  let interrupted: readonly BackgroundTask[] = [];
  let waiting = false;
  let ended = false;

  const deadline = createPausableClock(() => stop('timeout'));
  const exitGrace = createPausableClock(() => stop('lingered'));
  const exitWatch = createExitWatch(exitGrace, limits.exitGraceMs);
  const clocks = [deadline, exitGrace];
  const pauseLimit = createPausableClock(() => stop('timeout'));
  const pause = createPauseControl((paused) => {
    for (const clock of clocks) paused ? clock.pause() : clock.resume();
    if (paused && !ended) pauseLimit.start(limits.pausedTimeoutMs);
    else pauseLimit.stop();
    if (!ended) output.notice(paused ? 'paused' : 'resumed');
  });

  function stop(reason: StopReason): void {
    if (ended || stopReason !== undefined) return;
    stopReason = reason;
    interrupted = background.tasks;
    logger.info({ reason }, 'execution stopping');
    abort.abort();
  }

  function follow(event: StreamEvent): void {
    if (event.type === 'text') digest.append(event.text, event.begin);
    else if (event.type === 'discard') digest.discard();
    else if (event.type === 'session') conversation = event.sessionId || undefined;
    else if (event.type === 'result') verdict = judgeResult(event.result, event.cause);
    background.follow(event);
    if (login.isRefused(event)) stop('login-refused');
    exitWatch.follow(event);
  }

  function onLines(lines: readonly string[]): Promise<void> | undefined {
    silence.refresh();
    for (const line of lines) {
      const events = reader.read(line);
      if (events.length === 0 || events.some(({ type }) => ownEvents.has(type))) continue;
      for (const event of events) follow(event);
      output.line(line, events);
    }
    const room = output.flush();
    waiting = room !== undefined;
    return room?.then(() => {
      waiting = false;
    });
  }

  async function run(): Promise<Completion> {
    const runOptions = { ...prepared, signal: abort.signal, pause: pause.pauseSwitch, onLines };
    const ending = await engine.run(request, runOptions).catch(describeCrash);
    ended = true;
    for (const clock of [...clocks, pauseLimit]) clock.stop();
    clearInterval(silence);
    const { bytes, sha256 } = digest.value();
    const tasks = stopReason === undefined ? background.tasks : interrupted;
    const outcome = decideOutcome({ ending, verdict, stopReason, isBackgroundOver: tasks.length === 0 });
    const completion = {
      executionId,
      ...outcome,
      exitCode: ending.exitCode,
      bytes,
      digest: sha256,
      ...(conversation !== undefined && {
        conversation: ending.conversationKept === false ? null : conversation,
      }),
      ...(tasks.length > 0 && { backgroundTasks: tasks }),
      ...(ending.diff && { diff: ending.diff }),
    };
    const durationMs = Math.round(performance.now() - startedAt);
    const { status, exitCode, error } = completion;
    logger.info(
      {
        event: logEvents.executionEnded,
        status,
        exitCode,
        signal: ending.signal,
        code: error?.code,
        bytes,
        durationMs,
      },
      'execution ended',
    );
    output.complete(completion);
    return completion;
  }

  function describeCrash(err: unknown): EngineEnding {
    logger.error({ err }, 'engine failed');
    const failure = { code: 'internal_error', message: 'The engine failed unexpectedly' };
    return { exitCode: null, signal: null, stderr: '', failure };
  }

  logger.info({ event: logEvents.executionStarted, engine: engine.name }, 'execution started');
  deadline.start(Math.min(limits.executionTimeoutMs, request.timeoutMs ?? Number.POSITIVE_INFINITY));
  const silence = setInterval(() => {
    // A caller that does not keep up is not silent for want of lines.
    if (waiting) return;
    output.ping();
    void background.hasPutOut().then((hasPutOut) => {
      if (hasPutOut && !ended) output.notice('background_output');
    });
  }, limits.pingMs);
  output.start(executionId, engine.name, prepared.credential?.id);
  return {
    stop,
    async setPaused(paused) {
      if (ended || stopReason !== undefined) return false;
      await pause.set(paused);
      return true;
    },
    done: run(),
  };
}
