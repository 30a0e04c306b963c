/**
 * Takes job ids from the queue and hands each to a processor, `concurrency` at a time.
 *
 * BullMQ may hand a job over twice (a lock that could not be renewed): the record's fence decides who may write, and
 * a processor that lost its lock is told by its signal.
 */
import type { RedisConnection } from '@cc-executor/redis';
import { within } from '@cc-executor/runtime';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { openQueue } from './producer.ts';
import { keepCompleted, keepFailed, QUEUE_NAME, queuePrefix } from './queue-names.ts';
import { freshWedgeState, isWedged, observe } from './wedge-watch.ts';

/** What the dashboard shows of a processed entry. */
export type Processed = { status: string; error?: string | undefined };

export type ConsumerOptions = {
  /** A connection that waits through outages (role `patient`); stays the caller's. */
  redis: RedisConnection;
  keyPrefix: string;
  concurrency: number;
  /** Processes one job. The signal aborts when the entry's lock was lost: another worker may have it now. */
  process: (jobId: string, signal: AbortSignal) => Promise<Processed>;
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
};

/** The lock is longer than the record's lease, so that a lost attempt is seen as lost when BullMQ delivers anew. */
const DEFAULT_LOCK_MS = 30_000;
const DEFAULT_LOOK_MS = 5_000;
const LOOKS_PER_LOCK = 6;
/** How long BullMQ may take to close when no job is under way any more, in ms. */
const CLOSE_MS = 5_000;

/** Starts taking jobs. */
export function startConsumer({
  redis,
  keyPrefix,
  concurrency,
  process,
  onError,
  lockMs = DEFAULT_LOCK_MS,
  lookMs = DEFAULT_LOOK_MS,
}: ConsumerOptions): Consumer {
  const active = new Map<string, AbortController>();
  let taken = 0;
  let becameIdle = () => {};

  async function take(job: Job): Promise<string> {
    const jobId = job.id ?? '';
    const lockLost = new AbortController();
    active.set(jobId, lockLost);
    taken += 1;
    try {
      const { status, error } = await process(jobId, lockLost.signal);
      // Thrown so that the dashboard lists it under "failed"; never retried by BullMQ.
      if (error !== undefined) throw new UnrecoverableError(error);
      return status;
    } finally {
      // After a lost lock the same job can be here twice: the newer one stays.
      if (active.get(jobId) === lockLost) active.delete(jobId);
      if (active.size === 0) becameIdle();
    }
  }

  function open(): Worker {
    const opened = new Worker(QUEUE_NAME, take, {
      connection: redis,
      prefix: queuePrefix(keyPrefix),
      concurrency,
      lockDuration: lockMs,
      // A lost entry is handed over at the second look after its lock has lapsed.
      stalledInterval: lockMs / LOOKS_PER_LOCK,
      removeOnComplete: keepCompleted,
      removeOnFail: keepFailed,
    });
    opened.on('error', onError);
    opened.on('lockRenewalFailed', (jobIds: string[]) => {
      for (const jobId of jobIds) active.get(jobId)?.abort(new Error('the lock of the queue entry was lost'));
    });
    return opened;
  }

  let worker = open();
  let wedge = freshWedgeState;
  let closing: Promise<unknown> | undefined;
  // Workers that stood still; what they had taken goes on, and they are closed when that has ended.
  const retired = new Set<Promise<void>>();
  const queue = openQueue({ redis, keyPrefix, onError });

  async function look(): Promise<void> {
    const [{ wait = 0, prioritized = 0 }, isPaused] = await Promise.all([
      queue.getJobCounts('wait', 'prioritized'),
      queue.isPaused(),
    ]);
    // Paused in the dashboard: nothing is to be taken.
    const waiting = isPaused ? 0 : wait + prioritized;
    wedge = observe(wedge, { waiting, taken, hasRoom: active.size < concurrency });
    if (!isWedged(wedge) || closing) return;
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
    const idle = new Promise<void>((resolve) => {
      becameIdle = resolve;
      if (active.size === 0) resolve();
    });
    const closed = Promise.all([worker.close(), ...retired]);
    await Promise.race([closed, idle]);
    // BullMQ waits for ever for a connection that is away or just coming back.
    await within(closed, CLOSE_MS, { late: () => undefined });
    await queue.close();
  }

  const timer = setInterval(() => {
    look().catch(onError);
  }, lookMs);
  timer.unref();

  return {
    async close() {
      clearInterval(timer);
      closing ??= shutDown();
      await closing;
    },
    isRunning: () => worker.isRunning() && wedge.idleLooks === 0,
  };
}
