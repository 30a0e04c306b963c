/** The hand-over from gateway to worker: puts a job id in line. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import { Queue } from 'bullmq';
import { eventStream, QUEUE_NAME, queuePrefix } from './queue-names.ts';
import { createTurns, type EntryNeed, type EntryState, type Turns } from './turns.ts';

export type Producer = {
  /**
   * Puts a job in its tenant's line, or hands it out when a worker has a slot for it; a job that is there already stays as it is.
   * Lower `priority` numbers go first, 0 before all others. Errors of this and the next: `RedisUnavailableError`, `RedisFaultError`.
   */
  enqueue(need: EntryNeed): Promise<EntryState>;
  /** Makes sure that jobs which wait for a worker are in line or handed out. It costs the same however many wait. */
  ensure(needs: EntryNeed[]): Promise<EntryState[]>;
  /** How much waits, and is in the queue. Rejects when Redis does. */
  depth(): Promise<QueueDepth>;
  /** Idempotent; the connection stays the caller's. */
  close(): Promise<void>;
} & Pick<Turns, 'marks' | 'leave' | 'recount' | 'ahead' | 'running'>;

/** Jobs by state. `oldestWaitingMs` is for how long the first has waited, 0 when none waits. */
export type QueueDepth = { waiting: number; active: number; delayed: number; oldestWaitingMs: number };

export type QueueOptions = { redis: RedisConnection; keyPrefix: string; onError: (error: Error) => void };

/** Opens the producer on a connection that fails fast (role `impatient`): a client waits for the answer. */
export function createProducer({ redis, keyPrefix, onError }: QueueOptions): Producer {
  const queue = openQueue({ redis, keyPrefix, onError });
  const turns = createTurns(redis, keyPrefix);
  return {
    enqueue: (need) => tellErrorsApart(turns.enter(need)),
    ensure: (needs) => tellErrorsApart(Promise.all(needs.map(turns.enter))),
    depth: () => readDepth(queue, turns),
    marks: (...args) => tellErrorsApart(turns.marks(...args)),
    leave: (...args) => tellErrorsApart(turns.leave(...args)),
    recount: () => tellErrorsApart(turns.recount()),
    ahead: (...args) => tellErrorsApart(turns.ahead(...args)),
    running: (tenant) => tellErrorsApart(turns.running(tenant)),
    close: () => queue.close(),
  };
}

async function readDepth(queue: Queue, turns: Turns): Promise<QueueDepth> {
  const [counts, lines, [first], [firstPrioritized]] = await Promise.all([
    queue.getJobCounts('wait', 'prioritized', 'active', 'delayed'),
    turns.depth(),
    queue.getJobs(['wait'], 0, 0, true),
    queue.getJobs(['prioritized'], 0, 0, true),
  ]);
  const { wait = 0, prioritized = 0, active = 0, delayed = 0 } = counts;
  const times = [first?.timestamp, firstPrioritized?.timestamp, lines.oldestAt];
  const since = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  const oldestWaitingMs = Number.isFinite(since) ? Math.max(0, Date.now() - since) : 0;
  return {
    ...{ waiting: wait + prioritized + lines.waiting, active, delayed: delayed + lines.early },
    oldestWaitingMs,
  };
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
