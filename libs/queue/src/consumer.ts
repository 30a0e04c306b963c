/**
 * Takes job ids from the queue and hands each to a processor, `concurrency` at a time.
 *
 * BullMQ may hand a job over twice (a lock that could not be renewed): the record's fence decides who may write, and
 * a processor that lost its lock is told by its signal.
 */
import type { RedisConnection } from '@cc-executor/redis';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { keepCompleted, keepFailed, QUEUE_NAME, queuePrefix } from './queue-names.ts';

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
};

export type Consumer = {
  /** Takes nothing new; resolves when everything taken has been processed. Idempotent. */
  close(): Promise<void>;
  /** Whether the take-loop runs. */
  isRunning(): boolean;
};

/** The lock is longer than the record's lease, so that a lost attempt is seen as lost when BullMQ delivers anew. */
const LOCK_MS = 30_000;

/** Starts taking jobs. */
export function startConsumer({
  redis,
  keyPrefix,
  concurrency,
  process,
  onError,
}: ConsumerOptions): Consumer {
  const active = new Map<string, AbortController>();

  async function take(job: Job): Promise<string> {
    const jobId = job.id ?? '';
    const lockLost = new AbortController();
    active.set(jobId, lockLost);
    try {
      const { status, error } = await process(jobId, lockLost.signal);
      // Thrown so that the dashboard lists it under "failed"; never retried by BullMQ.
      if (error !== undefined) throw new UnrecoverableError(error);
      return status;
    } finally {
      active.delete(jobId);
    }
  }

  const worker = new Worker(QUEUE_NAME, take, {
    connection: redis,
    prefix: queuePrefix(keyPrefix),
    concurrency,
    lockDuration: LOCK_MS,
    removeOnComplete: keepCompleted,
    removeOnFail: keepFailed,
  });
  worker.on('error', onError);
  worker.on('lockRenewalFailed', (jobIds: string[]) => {
    for (const jobId of jobIds) active.get(jobId)?.abort(new Error('the lock of the queue entry was lost'));
  });

  return {
    close: () => worker.close(),
    isRunning: () => worker.isRunning(),
  };
}
