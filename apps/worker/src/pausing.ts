/**
 * Pauses and resumes one attempt. The record says what is wished, claude-api says what is: whenever the two differ
 * while an execution is under way, claude-api is asked; when it confirms, in the stream of the execution, the clock
 * stands still or goes on, and the log says so. A wish that it does not fulfil is taken back in the record.
 * What stands still holds no slot, and is refused where too many would hold none.
 */
import type { UpstreamCall } from '@cc-executor/claude-api-client';
import type { Attempt } from '@cc-executor/job-log';
import { DEFAULT_TIMEOUTS } from '@cc-executor/protocol';
import type { Slot } from '@cc-executor/queue';
import { backoffDelay, createPausableClock, type Logger, sleep } from '@cc-executor/runtime';
import type { LogWriter } from './log-writer.ts';
import type { AttemptLimit } from './stop-reason.ts';

/** Asking costs little, and an execution that cannot be paused goes on meanwhile. */
const MAX_TRIES = 3;
const TOO_MANY_WAIT = 'as many jobs as may (WORKER_MAX_WAITING) wait at its worker';

type PausableCall = Pick<UpstreamCall, 'setPaused'>;

export type Pausing = {
  /** Takes what the record says now: whether the job is to be paused. */
  wish(pause: boolean): void;
  /** An execution is under way. */
  begin(call: PausableCall): void;
  /** claude-api says that the execution stands still, or that it goes on. */
  confirm(paused: boolean): void;
  /** The execution is over. */
  end(): void;
  /** Another execution follows: what stood still is gone. */
  restart(): void;
  /** What is left of the attempt's time, in ms. */
  remainingMs(): number;
  close(): void;
};

/** `onExpired` is called once, when the attempt's time or that of a pause is over; nothing is asked after `signal`. */
export function createPausing({
  attempt,
  writer,
  slot,
  signal,
  onExpired,
  logger,
}: {
  attempt: Pick<Attempt, 'spec' | 'remainingMs' | 'pauseWish'>;
  writer: Pick<LogWriter, 'write' | 'flushed'>;
  slot: Pick<Slot, 'canWait' | 'setWaiting'>;
  signal: AbortSignal;
  onExpired: (limit: AttemptLimit) => void;
  logger: Logger;
}): Pausing {
  const limitMs = attempt.spec.timeouts?.pausedMs ?? DEFAULT_TIMEOUTS.pausedMs;
  const totalClock = createPausableClock(() => onExpired('total'));
  const pauseClock = createPausableClock(() => onExpired('paused'));
  let wished = attempt.pauseWish;
  let isPaused = false;
  let pausedAt = 0;
  let execution: PausableCall | undefined;
  /** What claude-api was asked for and has not confirmed. */
  let asked: boolean | undefined;

  function follow(): void {
    if (!execution || asked !== undefined || wished === isPaused || signal.aborted) return;
    asked = wished;
    void ask(execution, wished);
  }

  async function ask(call: PausableCall, pause: boolean): Promise<void> {
    const isOpen = () => execution === call && asked === pause && !signal.aborted;
    if (pause && !slot.canWait()) return refuse(pause, TOO_MANY_WAIT, isOpen);
    for (let tries = 1; ; tries += 1) {
      const answer = await call.setPaused(pause);
      // What is no longer open was confirmed, or is over. After `ok` the confirmation is on its way.
      if (answer.ok || !isOpen()) return;
      if (!answer.retryable || tries === MAX_TRIES) return refuse(pause, answer.reason, isOpen);
      await sleep(backoffDelay({ attempt: tries, baseMs: 250, maxMs: 2_000 }), signal).catch(() => undefined);
      if (!isOpen()) return;
    }
  }

  async function refuse(pause: boolean, reason: string, isOpen: () => boolean): Promise<void> {
    const request = pause ? 'pause' : 'resume';
    logger.warn({ request, reason }, 'the execution is not paused or resumed');
    writer.write({ type: 'pause_refused', request, reason });
    // The reply tells the wish as it stands after that; what was told before would be refused again.
    await writer.flushed();
    if (!isOpen()) return;
    asked = undefined;
    follow();
  }

  function setPaused(paused: boolean): void {
    if (paused === isPaused) return;
    isPaused = paused;
    slot.setWaiting(paused);
    if (paused) {
      pausedAt = performance.now();
      totalClock.pause();
      pauseClock.start(limitMs);
      writer.write({ type: 'paused', limitMs });
      void countFromLog(pausedAt);
    } else {
      pauseClock.stop();
      totalClock.resume();
      writer.write({ type: 'resumed', pausedMs: Math.round(performance.now() - pausedAt) });
    }
    logger.info(paused ? 'job paused' : 'job resumed');
  }

  /** Who reads `paused` counts from its time, and may resume until the limit is over: the log may have it late. */
  async function countFromLog(since: number): Promise<void> {
    await writer.flushed();
    if (isPaused && pausedAt === since) pauseClock.restart();
  }

  totalClock.start(attempt.remainingMs);
  return {
    wish(pause) {
      wished = pause;
      follow();
    },
    begin(call) {
      execution = call;
      follow();
    },
    confirm(paused) {
      if (asked === paused) asked = undefined;
      setPaused(paused);
      follow();
    },
    end() {
      execution = undefined;
      asked = undefined;
    },
    restart: () => setPaused(false),
    remainingMs: totalClock.remainingMs,
    close() {
      totalClock.stop();
      pauseClock.stop();
    },
  };
}
