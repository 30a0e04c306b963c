/**
 * Which queued jobs the queue may not have: those whose entry nobody has confirmed, and, in slow rounds through all
 * unfinished jobs, any. The indexes are only reminders: record and queue decide.
 */
import { isTerminal, type JobStatus, type TerminalStatus } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { createJobIndex, unawaited } from './redis-index.ts';
import { defineScripts } from './scripts.ts';

/** What of a job's record matters to its queue entry. */
export type QueueNeed =
  | { is: 'over' | 'running' }
  /** `notBefore`: until then it waits for a usage limit to be lifted; 0 when it does not. `hasBegun`: a worker has had it. */
  | {
      is: 'queued';
      priority: number;
      notBefore: number;
      hasBegun: boolean;
      tenant: string;
      mayBeAbandoned: boolean;
    };

export type Unqueued = {
  /** Claims up to `limit` jobs whose entry must be looked for; another gateway does so after `holdMs`. */
  claim(limit: number, holdMs: number): Promise<{ at: number; jobIds: string[] }>;
  /**
   * The next jobs, about `count`, of a round through all unfinished ones; none while it is too early. All gateways share
   * the rounds, one of which takes `roundMs` at least, and their pace of one stretch in `paceMs`.
   */
  nextStretch(pace: { count: number; paceMs: number; roundMs: number }): Promise<string[]>;
  /** What a job's record says now. Errors: `RedisFaultError` when it is none. */
  look(jobId: string): Promise<QueueNeed>;
  /** The queue has these jobs, or no longer needs to. */
  confirm(jobIds: string[]): Promise<void>;
  /** These jobs' entries are to be looked for again at `at`, unless one was confirmed meanwhile. */
  lookAgain(jobIds: string[], at: number): Promise<void>;
};

/** @param options.retentionMs how long an ended job can be read, in ms */
export function createRedisUnqueued(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): Unqueued {
  const { redis, keys } = options;
  const scripts = defineScripts(redis, 'claim', 'round');
  const index = createJobIndex(options);

  async function claim(limit: number, holdMs: number) {
    const [now, _heldUntil, ...jobIds] = await scripts.claim([keys.unqueued, keys.unqueued], [limit, holdMs]);
    return { at: Number(now), jobIds: jobIds as string[] };
  }

  async function look(jobId: string): Promise<QueueNeed> {
    const fields = await redis.hmget(
      keys.record(jobId),
      'status',
      'priority',
      'tenant',
      'onDisconnect',
      'notBefore',
      'startedAt',
    );
    const [status, priority, tenant, onDisconnect, notBefore, startedAt] = fields;
    if (!status) return { is: 'over' };
    if (isTerminal(status as JobStatus)) {
      // Whoever ended it died before saying so.
      unawaited(index.foundEnded(String(tenant), jobId, status as TerminalStatus));
      return { is: 'over' };
    }
    if (status === 'running') return { is: 'running' };
    const mayBeAbandoned = onDisconnect === 'cancel';
    return {
      ...{ is: 'queued', priority: Number(priority), notBefore: Number(notBefore ?? 0) },
      ...{ hasBegun: Boolean(startedAt), tenant: String(tenant), mayBeAbandoned },
    };
  }

  return {
    claim: (limit, holdMs) => tellErrorsApart(claim(limit, holdMs)),
    async nextStretch({ count, paceMs, roundMs }) {
      const round = scripts.round([keys.due, keys.round], [count, paceMs, roundMs]);
      return (await tellErrorsApart(round)) as string[];
    },
    look: (jobId) => tellErrorsApart(look(jobId)),
    async confirm(jobIds) {
      if (jobIds.length > 0) await tellErrorsApart(redis.zrem(keys.unqueued, ...jobIds));
    },
    async lookAgain(jobIds, at) {
      if (jobIds.length === 0) return;
      const members = jobIds.flatMap((jobId) => [at, jobId]);
      await tellErrorsApart(redis.zadd(keys.unqueued, 'XX', ...members));
    },
  };
}
