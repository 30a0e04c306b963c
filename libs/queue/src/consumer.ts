/**
 * Takes job ids from the queue and hands each to a processor, `concurrency` at a time. A job that only waits gives its
 * slot to another, up to a bound; when it goes on, nothing is taken until there is room again.
 *
 * BullMQ may hand a job over twice (a lock that could not be renewed): the record's fence decides who may write, and
 * a processor that lost its lock is told by its signal.
 */
import { randomUUID } from 'node:crypto';
import type { RedisConnection } from '@cc-executor/redis';
import { within } from '@cc-executor/runtime';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { createEntryBackend } from './entries.ts';
import { openQueue } from './producer.ts';
import { QUEUE_NAME, queuePrefix } from './queue-names.ts';
import { createTurns } from './turns.ts';
import { freshWedgeState, isWedged, observe } from './wedge-watch.ts';

/** What the dashboard shows of a processed entry. */
export type Processed = { status: string; error?: string | undefined; message?: string | undefined };

/** What a job holds at its consumer, as its processor sees it. */
export type Slot = {
  /** Aborts when the entry's lock was lost: another worker may have it now. */
  lockLost: AbortSignal;
  /** Whether one job more may wait without a slot. */
  canWait(): boolean;
  /** Says that the job waits and needs no slot, or that it goes on. Beyond the bound it keeps the slot all the same. */
  setWaiting(waiting: boolean): void;
};

/** The jobs that a consumer has: in its slots, and those that wait and hold none. */
export type Load = { running: number; waiting: number };

export type ConsumerOptions = {
  /** A connection that waits through outages (role `patient`); stays the caller's. */
  redis: RedisConnection;
  keyPrefix: string;
  /** Slots. */
  concurrency: number;
  /** So many jobs may wait without a slot, on top. */
  maxWaiting: number;
  /** Processes one job. */
  process: (jobId: string, slot: Slot) => Promise<Processed>;
  onError: (error: Error) => void;
  /** How long an entry stays this consumer's without a renewal, in ms. */
  lockMs?: number;
  /** How often to look whether jobs wait that are not taken, in ms. */
  lookMs?: number;
};

export type Consumer = {
  /** Takes nothing new; resolves when everything taken has been processed, also while Redis is away. Idempotent. */
  close(): Promise<void>;
  /** Whether the take-loop runs, and takes jobs when some wait. */
  isRunning(): boolean;
  load(): Load;
};

/** An entry that was taken. After a lost lock the same job can be here twice. */
type Taken = { jobId: string; lockLost: AbortController; isWaiting: boolean };

/** The lock is longer than the record's lease, so that a lost attempt is seen as lost when BullMQ delivers anew. */
const DEFAULT_LOCK_MS = 30_000;
const DEFAULT_LOOK_MS = 5_000;
const LOOKS_PER_LOCK = 6;
/** For how many locks a worker of which nothing is heard is believed to be there: until what it had is handed over. */
const LOCKS_PER_LIFE = 1.5;
const REPORTS_PER_LOCK = 2;
/** How long BullMQ may take to close once no job is under way, in ms. */
const CLOSE_MS = 5_000;

/** What BullMQ is told about an entry's lock, in ms. Redis takes whole numbers only. */
export function lockTimes(lockMs: number): { lockDuration: number; stalledInterval: number } {
  const lockDuration = Math.ceil(lockMs);
  // A lost entry is handed over at the second look after its lock has lapsed.
  return { lockDuration, stalledInterval: Math.ceil(lockDuration / LOOKS_PER_LOCK) };
}

/** Starts taking jobs. */
export function startConsumer({
  redis,
  keyPrefix,
  concurrency,
  maxWaiting,
  process,
  onError,
  lockMs = DEFAULT_LOCK_MS,
  lookMs = DEFAULT_LOOK_MS,
}: ConsumerOptions): Consumer {
  const active = new Set<Taken>();
  /** Of these; those beyond the bound have slots. */
  let waiting = 0;
  const turns = createTurns(redis, keyPrefix);
  const name = randomUUID();
  let unanswered = 0;
  /** How many slots it has said that it has. */
  let told = 0;
  let taken = 0;
  let becameIdle = () => {};

  async function take(job: Job): Promise<string> {
    const entry: Taken = { jobId: job.id ?? '', lockLost: new AbortController(), isWaiting: false };
    active.add(entry);
    taken += 1;
    try {
      const processed = await process(entry.jobId, slotOf(entry));
      if (processed.error !== undefined) throw failureOf(processed);
      return processed.status;
    } finally {
      active.delete(entry);
      const wasWaiting = entry.isWaiting;
      markWaiting(entry, false);
      // Before the end of its entry, over the same connection: with that what is free then is handed out.
      if (wasWaiting) adjustSlots();
      else if (slots() !== told) report();
      if (active.size === 0) becameIdle();
    }
  }

  function slotOf(entry: Taken): Slot {
    return {
      lockLost: entry.lockLost.signal,
      canWait: () => load().waiting < maxWaiting,
      setWaiting(isWaiting) {
        markWaiting(entry, isWaiting);
        adjustSlots();
      },
    };
  }

  function markWaiting(entry: Taken, isWaiting: boolean): void {
    if (entry.isWaiting !== isWaiting) waiting += isWaiting ? 1 : -1;
    entry.isWaiting = isWaiting;
  }

  function load(): Load {
    const without = Math.min(waiting, maxWaiting);
    return { running: active.size - without, waiting: without };
  }

  const limit = () => concurrency + load().waiting;
  /** Jobs that go on after a wait can be more than there are slots. */
  const slots = () => (isClosing ? active.size : Math.max(limit(), active.size));

  function report(): void {
    const lifeMs = Math.ceil(lockMs * LOCKS_PER_LIFE);
    unanswered += 1;
    told = slots();
    turns
      .report({ worker: name, slots: told, lifeMs })
      .catch(onError)
      .finally(() => {
        unanswered -= 1;
      });
  }

  function adjustSlots(): void {
    const hasMore = limit() > worker.concurrency;
    worker.concurrency = limit();
    report();
    // A take-loop whose slots are all taken sleeps until one of these jobs ends; nothing but this wakes it before.
    if (hasMore && !isClosing) void worker.pause(true).then(() => worker.resume());
  }

  function open(): Worker {
    const times = lockTimes(lockMs);
    const entries = { keyPrefix: `${queuePrefix(keyPrefix)}:${QUEUE_NAME}`, lockMs: times.lockDuration };
    const opened = new Worker(
      QUEUE_NAME,
      take,
      { connection: redis, prefix: queuePrefix(keyPrefix), concurrency: limit(), ...times },
      createEntryBackend(redis, entries),
    );
    opened.on('error', onError);
    opened.on('lockRenewalFailed', (jobIds: string[]) => {
      for (const { jobId, lockLost } of active) {
        if (jobIds.includes(jobId)) lockLost.abort(new Error('the lock of the queue entry was lost'));
      }
    });
    return opened;
  }

  let worker = open();
  let wedge = freshWedgeState;
  let closing: Promise<unknown> | undefined;
  let isClosing = false;
  // Workers that stood still; what they had taken goes on, and they are closed when that has ended.
  const retired = new Set<Promise<void>>();
  const queue = openQueue({ redis, keyPrefix, onError });

  async function look(): Promise<void> {
    const [{ wait = 0, prioritized = 0 }, isPaused] = await Promise.all([
      queue.getJobCounts('wait', 'prioritized'),
      queue.isPaused(),
    ]);
    // Paused in the dashboard: nothing is to be taken.
    const there = isPaused ? 0 : wait + prioritized;
    wedge = observe(wedge, { waiting: there, taken, hasRoom: active.size < limit() });
    if (!isWedged(wedge) || isClosing) return;
    onError(new Error('jobs wait, there is room, and none is taken: the take-loop is started anew'));
    const old = worker;
    worker = open();
    wedge = { taken, idleLooks: 0 };
    const retiring = old
      .close()
      .catch(onError)
      .finally(() => retired.delete(retiring));
    retired.add(retiring);
  }

  async function shutDown(): Promise<void> {
    isClosing = true;
    report();
    const idle = new Promise<void>((resolve) => {
      becameIdle = resolve;
      if (active.size === 0) resolve();
    });
    const closed = Promise.all([worker.close(), ...retired]);
    await Promise.race([closed, idle]);
    clearInterval(reports);
    redis.off('ready', reportAgain);
    const gone = turns.report({ worker: name, slots: undefined, lifeMs: 0 }).catch(onError);
    // BullMQ waits for ever for a connection that is away or just coming back.
    await within(Promise.all([closed, gone]), CLOSE_MS, { late: () => undefined });
    await queue.close();
  }

  const timer = setInterval(() => {
    look().catch(onError);
  }, lookMs);
  timer.unref();
  const reportAgain = () => {
    // While Redis is away what is said waits, once.
    if (unanswered === 0) report();
  };
  const reports = setInterval(reportAgain, Math.min(lookMs, lockMs / REPORTS_PER_LOCK));
  reports.unref();
  redis.on('ready', reportAgain);
  report();

  return {
    async close() {
      clearInterval(timer);
      closing ??= shutDown();
      await closing;
    },
    isRunning: () => worker.isRunning() && wedge.idleLooks === 0,
    load,
  };
}

/** Thrown so that the dashboard lists the entry under "failed", in the job's words; never retried by BullMQ. */
function failureOf({ error, message }: Processed): UnrecoverableError {
  const failure = new UnrecoverableError(message === undefined ? error : `${error}: ${message}`);
  // Where in our code it was made says nothing about the job.
  failure.stack = '';
  return failure;
}
