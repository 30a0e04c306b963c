/** Accepting in Redis: the indexes first, then the record and its first event in one step. */
import { DEFAULT_MAX_ATTEMPTS, isTerminal, type JobStatus } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import { createForget } from './forget.ts';
import type { AcceptLog, Created, NewJob, Reservation } from './job-log.ts';
import type { Keys } from './keys.ts';
import { createReserve } from './redis-reservation.ts';
import { defineScripts } from './scripts.ts';

/** When a new job's queue entry is looked for: by then it has one, or whoever accepted it has died. */
const FIRST_LOOK_MS = 5_000;

const QUEUED_BODY = JSON.stringify({ type: 'queued' });

/** @param options.retentionMs how long an ended job can be read, in ms */
export function createRedisAcceptLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): AcceptLog {
  const { redis, keys } = options;
  const reserve = createReserve(options);
  const forget = createForget(options);
  const scripts = defineScripts(redis, 'announce', 'schedule', 'create');

  async function create(
    job: NewJob,
    reservation: Reservation | undefined,
    onSent?: () => void,
  ): Promise<Created | undefined> {
    const { jobId, epoch, tenant, queueMs, totalMs, retry } = job;
    const { metadata, webhook, ...spec } = job.spec;
    const startedAt = performance.now();
    // The indexes come first: a record that they do not name would be found by nobody, were we to die in between.
    const [now = 0, wasThere] = await scripts.announce(
      [keys.due, keys.unqueued, keys.jobs(tenant), keys.tenants, keys.webhooks],
      [jobId, queueMs, FIRST_LOOK_MS, tenant, webhook ? queueMs + totalMs : ''],
    );
    const sent = scripts.create(
      [keys.record(jobId), keys.log(jobId)],
      [
        ...[keys.channel(jobId), epoch, tenant, JSON.stringify(spec), queueMs, totalMs, retry],
        ...[QUEUED_BODY, now, spec.priority ?? 0, spec.onDisconnect ?? 'continue'],
        metadata === undefined ? '' : JSON.stringify(metadata),
        spec.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
        ...(reservation ? [reservation.createBefore, reservation.keyHash] : ['', '']),
        job.rerunOf ?? '',
        webhook === undefined ? '' : JSON.stringify(webhook),
      ],
    );
    onSent?.();
    const [code, heldEpoch, status] = await sent;
    if (code === 'lapsed') return undefined;
    const created = code === 'created';
    // It had ended, and is in the index again.
    if (isTerminal(status as JobStatus)) forget(jobId);
    // Whoever looked at it before it had a record has taken it out of the indexes.
    const mayBeOut = wasThere === 1 || performance.now() - startedAt > Math.min(queueMs, FIRST_LOOK_MS) / 2;
    if (created && mayBeOut) {
      await scripts.schedule([keys.due, keys.unqueued], [jobId, queueMs, FIRST_LOOK_MS]);
    }
    return { created, epoch: String(heldEpoch), status: status as JobStatus };
  }

  return {
    reserve: (...args) => tellErrorsApart(reserve(...args)),
    async create(job, onSent) {
      // Only a reservation lapses.
      return (await tellErrorsApart(create(job, undefined, onSent))) as Created;
    },
    createReserved: (...args) => tellErrorsApart(create(...args)),
    async enqueued(jobId) {
      await tellErrorsApart(redis.zrem(keys.unqueued, jobId));
    },
  };
}
