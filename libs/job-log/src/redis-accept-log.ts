/**
 * Accepting in Redis: the indexes, the record and its first event in one step; where they may be on different servers, the
 * indexes first.
 */
import { DEFAULT_MAX_ATTEMPTS, isTerminal, type JobStatus } from '@cc-executor/protocol';
import { keepsOrder, type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { AcceptLog, Created, NewJob, Reservation } from './job-log.ts';
import type { Keys } from './keys.ts';
import {
  exceededOf,
  NOTHING_SPENT,
  outputOf,
  QuotaExceededError,
  writeCharges,
  writeSpent,
} from './ledger.ts';
import { conversationMembers, findableMembers } from './list-query.ts';
import { createJobIndex, unawaited } from './redis-index.ts';
import { createReserve } from './redis-reservation.ts';
import { defineScripts } from './scripts.ts';
import { foldText } from './title.ts';
import { together } from './together.ts';

/** When a new job's queue entry is looked for: by then it has one, or whoever accepted it has died. */
const FIRST_LOOK_MS = 5_000;

const QUEUED_BODY = JSON.stringify({ type: 'queued' });

/** @param reservation of the job's idempotency key, if it has one */
type Create = (
  job: NewJob,
  reservation: Reservation | undefined,
  onSent?: () => void,
) => Promise<Created | QuotaExceededError | undefined>;

/** A tenant's line, and below which score are those that go before a new job of this priority. */
type LineOf = (tenant: string, priority: number) => { key: string; below: number };

/**
 * @param options.retentionMs how long an ended job can be read, in ms
 * @param options.lineOf where the jobs wait that are to go before a new one; it is on one server with record and indexes, or not read
 * @param options.isOneServer whether records and indexes are on the same; default: what the connection says
 */
export function createRedisAcceptLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
  lineOf: LineOf;
  isOneServer?: boolean;
}): AcceptLog {
  const { redis, keys, lineOf, isOneServer = keepsOrder(redis) } = options;
  const reserve = createReserve(options);
  const confirm = together(async (jobIds: readonly string[]) => {
    await redis.zrem(keys.unqueued, ...jobIds);
  });
  const create = isOneServer ? createAtOnce(redis, keys, lineOf) : createInSteps(options);

  return {
    reserve: (...args) => tellErrorsApart(reserve(...args)),
    async create(job, onSent) {
      // Only a reservation lapses.
      return (await told(create(job, undefined, onSent))) as Created;
    },
    createReserved: (...args) => told(create(...args)),
    enqueued: (jobId) => tellErrorsApart(confirm('', jobId)),
  };
}

async function told(creating: ReturnType<Create>): Promise<Created | undefined> {
  const created = await tellErrorsApart(creating);
  if (created instanceof QuotaExceededError) throw created;
  return created;
}

function createAtOnce(redis: RedisConnection, keys: Keys, lineOf: LineOf): Create {
  const { accept } = defineScripts(redis, 'accept');
  return async (job, reservation, onSent) => {
    const { record, indexes } = keysOf(keys, job);
    const line = lineOf(job.tenant, job.spec.priority ?? 0);
    const sent = accept(
      [...record, ...indexes, line.key],
      [...ofRecord(keys, job, reservation), ...ofIndexes(job), line.below],
    );
    onSent?.();
    const reply = await sent;
    return exceededOf(reply, job.charges) ?? createdOf(reply);
  };
}

function createInSteps(options: { redis: RedisConnection; keys: Keys; retentionMs: number }): Create {
  const { redis, keys } = options;
  const scripts = defineScripts(redis, 'announce', 'schedule', 'create');
  const index = createJobIndex(options);
  return async (job, reservation, onSent) => {
    const { jobId, tenant, queueMs } = job;
    const { record, indexes } = keysOf(keys, job);
    const startedAt = performance.now();
    // The indexes come first: a record that they do not name would be found by nobody, were we to die in between.
    const announced = await scripts.announce(indexes, ofIndexes(job));
    // One that is there needs no room.
    const exceeded = exceededOf(announced, job.charges);
    if (exceeded && (await redis.exists(keys.record(jobId))) === 0) return exceeded;
    const [now = 0, wasThere, isCharged] = exceeded ? [] : announced;
    const sent = scripts.create(record, ofRecord(keys, job, reservation, now));
    onSent?.();
    const known = createdOf(await sent);
    // It had ended, and is in the indexes of what has not again; charged again it has taken nothing again.
    if (known && isTerminal(known.status)) {
      const spent = isCharged === 1 ? writeSpent(NOTHING_SPENT) : undefined;
      unawaited(index.foundEnded(tenant, jobId, known.status, spent));
    }
    // Whoever looked at it before it had a record has taken it out of the indexes.
    const mayBeOut = wasThere === 1 || performance.now() - startedAt > Math.min(queueMs, FIRST_LOOK_MS) / 2;
    if (known?.created && mayBeOut) {
      await scripts.schedule([keys.due, keys.unqueued], [jobId, queueMs, FIRST_LOOK_MS]);
    }
    return known;
  };
}

function keysOf(keys: Keys, { jobId, tenant, spec }: NewJob) {
  return {
    record: [keys.record(jobId), keys.log(jobId)],
    indexes: [
      ...[keys.due, keys.unqueued, keys.jobs(tenant), keys.tenants, keys.webhooks],
      ...[keys.ids(tenant), keys.unfinished(tenant), keys.texts(tenant), keys.filed(tenant)],
      ...[keys.ledger, keys.charged],
      ...membersOf(spec).map(([name, value]) => keys.member(tenant, name, value)),
    ],
  };
}

function membersOf({ metadata, conversation }: NewJob['spec']): [name: string, value: string][] {
  return [...findableMembers(metadata), ...conversationMembers(conversation)];
}

/** The arguments of announce.lua. */
function ofIndexes({
  jobId,
  tenant,
  spec,
  queueMs,
  totalMs,
  title = '',
  charges = [],
}: NewJob): (string | number)[] {
  const members = membersOf(spec);
  return [
    ...[jobId, queueMs, FIRST_LOOK_MS, tenant, spec.webhook ? queueMs + totalMs : ''],
    ...[foldText(title), members.length > 0 ? JSON.stringify(members) : '', writeCharges(charges)],
  ];
}

/** The arguments of create.lua. */
function ofRecord(
  keys: Keys,
  {
    jobId,
    epoch,
    tenant,
    spec: asked,
    queueMs,
    totalMs,
    retry,
    rerunOf,
    title = '',
    traceparent = '',
    charges = [],
  }: NewJob,
  reservation: Reservation | undefined,
  now: string | number = '',
): (string | number)[] {
  const { metadata, webhook, ...spec } = asked;
  return [
    ...[keys.channel(jobId), epoch, tenant, JSON.stringify(spec), queueMs, totalMs, retry],
    ...[QUEUED_BODY, now, spec.priority ?? 0, spec.onDisconnect ?? 'continue'],
    metadata === undefined ? '' : JSON.stringify(metadata),
    spec.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    ...(reservation ? [reservation.createBefore, reservation.keyHash] : ['', '']),
    rerunOf ?? '',
    webhook === undefined ? '' : JSON.stringify(webhook),
    title,
    traceparent,
    outputOf(charges),
  ];
}

/** Undefined when the job is not there, and may not be created any more. */
function createdOf([code, epoch, status]: (string | number)[]): Created | undefined {
  if (code === 'lapsed') return undefined;
  return { created: code === 'created', epoch: String(epoch), status: status as JobStatus };
}
