/**
 * Writes the events of one attempt, batching naturally: it writes at once when idle and coalesces what arrives while
 * a write is under way. Every write is sent again until it is answered; the script takes each event once.
 * What waiting cannot cure is not sent again: what waited to be written is dropped, and the attempt may only end its job.
 *
 * Invariants: events keep their order; seq has no hole; after a refusal nothing more is written, and
 * after a fault only the terminal event.
 */
import type { AppendCode, Batch, PauseChange, Wishes, WriteLog } from '@cc-executor/job-log';
import { carriesOutput, type EventBody, type TerminalBody } from '@cc-executor/protocol';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger, repeatUntilAnswered } from '@cc-executor/runtime';

/** Larger batches would hold up Redis for others. */
const MAX_BATCH_EVENTS = 512;
const MAX_BATCH_LENGTH = 1024 * 1024;
/** Above this the source is asked to wait (UTF-16 units). */
const HIGH_WATER_LENGTH = 4 * 1024 * 1024;

export type Refusal = Exclude<AppendCode, 'ok' | 'duplicate'>;

export type LogWriter = {
  /** Queues an event and returns its seq. */
  write(event: EventBody): number;
  /** Resolves when there is room for more. */
  room(): Promise<void>;
  /** Resolves when everything is written, or refused. */
  flushed(): Promise<void>;
  /** Writes everything and then the terminal event; resolves with how that went, when it was answered. */
  finish(event: TerminalBody): Promise<'ok' | Refusal | 'fault'>;
  /** Output was written by this attempt, or is about to be. */
  hasOutput(): boolean;
};

export function createLogWriter({
  log,
  jobId,
  fence,
  lastSeq,
  logger,
  onRefused,
  onFault,
  onWishes,
  onFirstOutput,
}: {
  log: WriteLog;
  jobId: string;
  fence: number;
  lastSeq: number;
  logger: Logger;
  /** Called once, when Redis refuses what this attempt writes: it is not the attempt that counts. */
  onRefused: (code: Refusal) => void;
  /** Called when Redis will never take what this attempt writes. */
  onFault: (error: unknown) => void;
  /** Called with every reply: what clients wish of the job. */
  onWishes: (wishes: Wishes) => void;
  onFirstOutput?: () => void;
}): LogWriter {
  const pending: { body: string; hasOutput: boolean; pause: PauseChange | undefined }[] = [];
  let pendingLength = 0;
  let written = lastSeq;
  let queued = lastSeq;
  let output = false;
  let hasWrittenOutput = false;
  let stopped: Refusal | 'fault' | undefined;
  let flushing: Promise<void> | undefined;
  const waiters: (() => void)[] = [];
  const onUnanswered = createRepeatedWarning(logger, 'a write was not answered; it is sent again');

  function write(event: EventBody): number {
    queued += 1;
    if (stopped) return queued;
    const hasOutput = carriesOutput(event);
    if (hasOutput && !output) {
      output = true;
      onFirstOutput?.();
    }
    const body = JSON.stringify(event);
    pending.push({ body, hasOutput, pause: pauseChangeOf(event) });
    pendingLength += body.length;
    flushing ??= flush();
    return queued;
  }

  async function flush(): Promise<void> {
    while (pending.length > 0 && !stopped) {
      const batch = takeBatch();
      const pause = batch.at(-1)?.pause;
      const code = await append({
        bodies: batch.map(({ body }) => body),
        hasOutput: batch.some(({ hasOutput }) => hasOutput),
        ...(pause ? { pause } : {}),
      });
      if (code !== 'ok') stop(code);
      for (const wake of waiters.splice(0)) wake();
    }
    flushing = undefined;
  }

  function takeBatch() {
    let count = 0;
    let length = 0;
    while (count < pending.length && count < MAX_BATCH_EVENTS && length < MAX_BATCH_LENGTH) {
      const { body, pause } = pending[count] as (typeof pending)[number];
      length += body.length;
      count += 1;
      // The record changes with it, once a batch.
      if (pause) break;
    }
    pendingLength -= length;
    return pending.splice(0, count);
  }

  /** Sends one batch until it is answered, or never will be. */
  async function append(
    parts: Omit<Batch, 'jobId' | 'fence' | 'firstSeq'>,
  ): Promise<'ok' | Refusal | 'fault'> {
    const batch = { jobId, fence, firstSeq: written + 1, ...parts };
    try {
      const answer = await repeatUntilAnswered(() => log.append(batch), { isCurable, onUnanswered });
      const { code, lastSeq: last, ...wishes } = answer;
      onWishes(wishes);
      if (code !== 'ok' && code !== 'duplicate') return code;
      written = last;
      hasWrittenOutput ||= batch.hasOutput;
      return 'ok';
    } catch (error) {
      onFault(error);
      return 'fault';
    }
  }

  function stop(code: Refusal | 'fault'): void {
    stopped = code;
    output = hasWrittenOutput;
    pending.length = 0;
    pendingLength = 0;
    if (code !== 'fault') onRefused(code);
  }

  async function room(): Promise<void> {
    while (pendingLength > HIGH_WATER_LENGTH && !stopped) {
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
    }
  }

  async function flushed(): Promise<void> {
    while (flushing) await flushing;
  }

  async function finish(event: TerminalBody): Promise<'ok' | Refusal | 'fault'> {
    await flushed();
    if (stopped && stopped !== 'fault') return stopped;
    return append({ bodies: [JSON.stringify(event)], hasOutput: false, terminal: event.type });
  }

  return { write, room, flushed, finish, hasOutput: () => output };
}

/** What an event changes in the record, beside the log. */
function pauseChangeOf(event: EventBody): PauseChange | undefined {
  if (event.type === 'paused') return { code: 'paused', limitMs: event.limitMs };
  if (event.type === 'resumed') return { code: 'resumed' };
  return event.type === 'pause_refused' ? { code: 'refused' } : undefined;
}
