/** The hand-over from gateway to worker: puts a job id into the queue. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import { Queue } from 'bullmq';
import { ENTRY_NAME, eventStream, QUEUE_NAME, queuePrefix } from './queue-names.ts';

export type Producer = {
  /**
   * Enqueues a job; a job that is in the queue already stays as it is. Lower `priority` numbers go first, 0 before
   * all others. Errors: `RedisUnavailableError`, `RedisFaultError`.
   */
  enqueue(jobId: string, options?: { priority?: number | undefined }): Promise<void>;
  /**
   * Makes sure that jobs which wait for a worker have an entry: it was `made`, or one `waits`, or a worker has `taken` it,
   * be it for an attempt that is lost. It costs the same however long the queue is. Errors: as above.
   */
  ensure(jobs: EntryNeed[]): Promise<EntryState[]>;
  /** How much is in the queue. Rejects when Redis does. */
  depth(): Promise<QueueDepth>;
  /** Idempotent; the connection stays the caller's. */
  close(): Promise<void>;
};

/** `notBefore`: no worker is to have it before then (ms). */
export type EntryNeed = { jobId: string; priority: number; notBefore?: number };

export type EntryState = 'made' | 'waits' | 'taken';

/** Entries by state. `oldestWaitingMs` is the age of the one that is next in line, 0 when none waits. */
export type QueueDepth = { waiting: number; active: number; delayed: number; oldestWaitingMs: number };

export type QueueOptions = { redis: RedisConnection; keyPrefix: string; onError: (error: Error) => void };

/** Opens the producer on a connection that fails fast (role `impatient`): a client waits for the answer. */
export function createProducer({ redis, keyPrefix, onError }: QueueOptions): Producer {
  const queue = openQueue({ redis, keyPrefix, onError });
  async function enqueue(
    jobId: string,
    { priority = 0, delay = 0 }: { priority?: number | undefined; delay?: number } = {},
  ) {
    await queue.add(
      ENTRY_NAME,
      {},
      { jobId, ...(priority > 0 && { priority }), ...(delay > 0 && { delay }) },
    );
  }

  // BullMQ's own question for a state searches the list of all that wait; the entry itself tells as much.
  async function ensureOne({ jobId, priority, notBefore = 0 }: EntryNeed): Promise<EntryState> {
    const entry = `${queuePrefix(keyPrefix)}:${QUEUE_NAME}:${jobId}`;
    const [madeAt, takenAt, endedAt] = await redis.hmget(entry, 'timestamp', 'processedOn', 'finishedOn');
    if (madeAt && !endedAt) return takenAt ? 'taken' : 'waits';
    // An entry that was processed keeps its id for a while, and adding it again would do nothing.
    if (madeAt) await queue.remove(jobId);
    await enqueue(jobId, { priority, delay: notBefore - Date.now() });
    return 'made';
  }

  return {
    enqueue: (...args) => tellErrorsApart(enqueue(...args)),
    ensure: (jobs) => tellErrorsApart(Promise.all(jobs.map(ensureOne))),
    depth: () => readDepth(queue),
    close: () => queue.close(),
  };
}

async function readDepth(queue: Queue): Promise<QueueDepth> {
  const [counts, [first], [firstPrioritized]] = await Promise.all([
    queue.getJobCounts('wait', 'prioritized', 'active', 'delayed'),
    queue.getJobs(['wait'], 0, 0, true),
    queue.getJobs(['prioritized'], 0, 0, true),
  ]);
  const { wait = 0, prioritized = 0, active = 0, delayed = 0 } = counts;
  const since = Math.min(
    ...[first, firstPrioritized].map((entry) => entry?.timestamp ?? Number.POSITIVE_INFINITY),
  );
  const oldestWaitingMs = Number.isFinite(since) ? Math.max(0, Date.now() - since) : 0;
  return { waiting: wait + prioritized, active, delayed, oldestWaitingMs };
}

/** The BullMQ queue itself, for the dashboard. */
export function openQueue({ redis, keyPrefix, onError }: QueueOptions): Queue {
  const queue = new Queue(QUEUE_NAME, {
    connection: redis,
    prefix: queuePrefix(keyPrefix),
    streams: eventStream,
    // A version check that fails on a connection still coming up would disable this queue for good.
    skipVersionCheck: true,
  });
  queue.on('error', onError);
  return queue;
}
