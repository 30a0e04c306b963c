/**
 * Writes the events of one attempt in batches: what comes in one moment (flush-window.ts), or while a write is under way,
 * goes together, the terminal event too. Every write is sent again until it is answered; the script takes each event once.
 * What waiting cannot cure is not sent again: what waited to be written is dropped, and the attempt may only end its job.
 * So it is with output that a full Redis does not take, as soon as the job is to end.
 *
 * Invariants: no event is larger than any client takes; events keep their order; seq has no hole; after a refusal nothing more is written, and
 * after something was dropped only the terminal event.
 */
import type { AppendCode, Batch, KeptBody, RecordChange, Wishes, WriteLog } from '@cc-executor/job-log';
import { carriesOutput, type EventBody, type TerminalBody } from '@cc-executor/protocol';
import { isCurable, isFull } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger, repeatUntilAnswered } from '@cc-executor/runtime';
import { sizeEvent } from './event-size.ts';
import type { FlushWindow } from './flush-window.ts';
import { spentOf } from './spending.ts';

/** Larger batches would hold up Redis for others. */
const MAX_BATCH_EVENTS = 512;
/** In UTF-16 units, of three bytes at most: so a batch of several is published whole (shared.lua), and nobody has to read it from the log. */
const MAX_BATCH_LENGTH = 256 * 1024;
/** Whoever reads a terminal event reads its batch: it shares that with no more than this. */
const MAX_LENGTH_BEFORE_END = 64 * 1024;
/** Above this the source is asked to wait (UTF-16 units): some batches are there when the one under way is answered, and no more. */
const HIGH_WATER_LENGTH = 1024 * 1024;

export type Refusal = Exclude<AppendCode, 'ok' | 'duplicate'>;

/** Why events were dropped: Redis will never take them, or was full when the job had to end. */
export type DropReason = 'fault' | 'full';

/** What may be kept of one job, in bytes. */
export type OutputBounds = {
  /** Of its events. */
  maxOutputBytes: number;
  /** Of messages that are kept whole, apart from their events. */
  maxBodyBytes: number;
};

export type LogWriter = {
  /** Queues an event and returns its seq; `change` is what it changes in the record, unless its type says so. */
  write(event: EventBody, change?: RecordChange): number;
  /** The same for a piece of text. @param written how it stands in JSON between its quotes, in UTF-8 */
  writeText(text: string, begin: boolean, written?: Buffer): number;
  /** Resolves when there is room for more. */
  room(): Promise<void>;
  /** Resolves when everything is written, or refused. */
  flushed(): Promise<void>;
  /**
   * Writes everything and then the terminal event; resolves with how that went, when it was answered. After `cancel_requested`
   * what was to be written before still is, with the next one; after something was dropped only the terminal event is.
   */
  finish(event: TerminalBody): Promise<'ok' | Refusal | DropReason>;
  /** Output was written by this attempt, or is about to be. */
  hasOutput(): boolean;
  /** Why the log lacks events of this attempt, if it does. */
  dropped(): DropReason | undefined;
};

type Pending = {
  json: string | Buffer;
  kept: KeptBody | undefined;
  hasOutput: boolean;
  change: RecordChange | undefined;
  end?: Pick<Batch, 'terminal' | 'ending' | 'ageMs' | 'spent'>;
};

export function createLogWriter({
  log,
  jobId,
  fence,
  lastSeq,
  bounds,
  logger,
  onRefused,
  onFault,
  onWishes,
  onOverflow,
  onFirstOutput,
  ageMs,
  isEnding = () => false,
  flushWindow,
}: {
  log: WriteLog;
  jobId: string;
  fence: number;
  lastSeq: number;
  /** Of the attempt: what earlier ones have had kept is no part of `maxBodyBytes`. */
  bounds: OutputBounds;
  logger: Logger;
  /** Called once, when Redis refuses what this attempt writes: it is not the attempt that counts. */
  onRefused: (code: Refusal) => void;
  /** Called when Redis will never take what this attempt writes. */
  onFault: (error: unknown) => void;
  /** Called with every reply: what clients wish of the job. */
  onWishes: (wishes: Wishes) => void;
  /** Called with every reply when the job's events take more than they may. */
  onOverflow: () => void;
  onFirstOutput?: () => void;
  /** How long ago the job was accepted, in ms. */
  ageMs?: () => number;
  /** Whether the job is to end, so that room for more output is not waited for. */
  isEnding?: () => boolean;
  /** Shared by the writers of a worker. */
  flushWindow: FlushWindow;
}): LogWriter {
  const pending: Pending[] = [];
  let pendingLength = 0;
  let bodyRoom = bounds.maxBodyBytes;
  let written = lastSeq;
  let queued = lastSeq;
  let output = false;
  let hasWrittenOutput = false;
  let refused: Refusal | undefined;
  let dropReason: DropReason | undefined;
  let flushing: Promise<void> | undefined;
  let ended: Awaited<ReturnType<LogWriter['finish']>> = 'ok';
  const waiters: (() => void)[] = [];
  const onUnanswered = createRepeatedWarning(logger, 'a write was not answered; it is sent again');

  function write(event: EventBody, change = pauseChangeOf(event), text?: Buffer): number {
    queued += 1;
    if (isStopped()) return queued;
    const hasOutput = carriesOutput(event);
    if (hasOutput && !output) {
      output = true;
      onFirstOutput?.();
    }
    const { json, kept } = sizeEvent(event, bodyRoom, text);
    bodyRoom -= kept?.bytes ?? 0;
    pending.push({ json, kept: kept && { seq: queued, ...kept }, hasOutput, change });
    pendingLength += json.length + (kept?.bytes ?? 0);
    flushing ??= flush();
    return queued;
  }

  function writeText(text: string, begin: boolean, json?: Buffer): number {
    return write({ type: 'output', text, ...(begin ? { begin: true } : {}) }, undefined, json);
  }

  async function flush(): Promise<void> {
    while (pending.length > 0 && !isStopped()) {
      await flushWindow.closes();
      const batch = takeBatch();
      const { change, end } = batch.at(-1) ?? {};
      const kept = batch.flatMap((event) => event.kept ?? []);
      const code = await append({
        bodies: batch.map(({ json }) => json),
        ...(kept.length > 0 ? { kept } : {}),
        hasOutput: batch.some(({ hasOutput }) => hasOutput),
        ...(change ? { change } : {}),
        ...end,
      });
      if (end) ended = code;
      if (code === 'cancel_requested') {
        putBack(batch.slice(0, -1));
        break;
      }
      if (code !== 'ok') stop(code);
      for (const wake of waiters.splice(0)) wake();
    }
    flushing = undefined;
  }

  function putBack(events: Pending[]): void {
    pending.unshift(...events);
    for (const { json, kept } of events) pendingLength += json.length + (kept?.bytes ?? 0);
  }

  function takeBatch() {
    let count = 0;
    let length = 0;
    while (count < pending.length && count < MAX_BATCH_EVENTS) {
      const { json, kept, change, end } = pending[count] as Pending;
      const longer = length + json.length + (kept?.bytes ?? 0);
      if (count > 0 && longer > MAX_BATCH_LENGTH) break;
      if (end && length > MAX_LENGTH_BEFORE_END) break;
      length = longer;
      count += 1;
      // The record changes with it, once a batch.
      if (change) break;
    }
    pendingLength -= length;
    return pending.splice(0, count);
  }

  /** Sends one batch until it is answered, or never will be. */
  async function append(
    parts: Omit<Batch, 'jobId' | 'fence' | 'firstSeq'>,
  ): Promise<'ok' | Refusal | DropReason> {
    const batch = { jobId, fence, firstSeq: written + 1, ...parts };
    const isRepeated = (error: unknown) =>
      isCurable(error) && !(batch.hasOutput && isFull(error) && isEnding());
    try {
      const answer = await repeatUntilAnswered(() => log.append(batch), {
        isCurable: isRepeated,
        onUnanswered,
      });
      const { code, lastSeq: last, logBytes, ...wishes } = answer;
      onWishes(wishes);
      if (logBytes > bounds.maxOutputBytes) onOverflow();
      if (code !== 'ok' && code !== 'duplicate') return code;
      written = last;
      hasWrittenOutput ||= batch.hasOutput;
      return 'ok';
    } catch (error) {
      if (isFull(error)) return 'full';
      onFault(error);
      return 'fault';
    }
  }

  function stop(code: Refusal | DropReason): void {
    output = hasWrittenOutput;
    pending.length = 0;
    pendingLength = 0;
    if (code === 'fault' || code === 'full') {
      dropReason = code;
    } else {
      refused = code;
      onRefused(code);
    }
  }

  function isStopped(): boolean {
    return refused !== undefined || dropReason !== undefined;
  }

  async function room(): Promise<void> {
    while (pendingLength > HIGH_WATER_LENGTH && !isStopped()) {
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
    }
  }

  async function flushed(): Promise<void> {
    while (flushing) await flushing;
  }

  async function finish(event: TerminalBody): Promise<'ok' | Refusal | DropReason> {
    if (refused) return refused;
    const { json } = sizeEvent(event, 0);
    const end = {
      terminal: event.type,
      ending: endingOf(event),
      spent: spentOf(event),
      ...(ageMs && { ageMs: ageMs() }),
    };
    if (dropReason) return append({ bodies: [json], hasOutput: false, ...end });
    pending.push({ json, kept: undefined, hasOutput: false, change: undefined, end });
    pendingLength += json.length;
    flushing ??= flush();
    await flushed();
    return refused ?? dropReason ?? ended;
  }

  return { write, writeText, room, flushed, finish, hasOutput: () => output, dropped: () => dropReason };
}

/** What lists show of it. */
function endingOf(event: TerminalBody): Batch['ending'] {
  const { costUsd, conversation } = event;
  return { costUsd, conversation, failure: event.type === 'failed' ? event.error.code : undefined };
}

/** What an event about pausing changes in the record, beside the log. */
function pauseChangeOf(event: EventBody): RecordChange | undefined {
  if (event.type === 'paused') return { code: 'paused', limitMs: event.limitMs };
  if (event.type === 'resumed') return { code: 'resumed' };
  return event.type === 'pause_refused' ? { code: 'refused' } : undefined;
}
