/** The job log in Redis. The scripts hold the rules; this file builds their arguments and reads their replies. */
import { createHash } from 'node:crypto';
import { DEFAULT_TIMEOUTS, type JobStatus } from '@cc-executor/protocol';
import { type RedisConnection, serversOf, tellErrorsApart } from '@cc-executor/redis';
import type {
  AppendCode,
  Batch,
  BeginOutcome,
  CancelOutcome,
  JobLog,
  NewJob,
  Page,
  PauseOutcome,
  Position,
  ReleaseCode,
  RenewOutcome,
  Wishes,
} from './job-log.ts';
import type { Keys } from './keys.ts';
import { jobOfRecord } from './record.ts';
import { listJobs } from './redis-list.ts';
import { defineScripts } from './scripts.ts';

export type JobLogOptions = {
  redis: RedisConnection;
  keys: Keys;
  /** How long an ended job can be read, in ms. */
  retentionMs: number;
};

/** When the sweeper first looks at a new job: by then it has a queue entry, or whoever accepted it has died. */
const FIRST_LOOK_MS = 5_000;

const QUEUED_BODY = JSON.stringify({ type: 'queued' });

/** Opens the job log on a connection that the caller owns. */
export function createRedisJobLog({ redis, keys, retentionMs }: JobLogOptions): JobLog {
  const scripts = defineScripts(redis);

  async function reserve(tenant: string, idempotencyKey: string, jobId: string, hash: string) {
    const keyHash = createHash('sha256').update(idempotencyKey).digest('hex');
    // Outlives the job: its longest wait, its longest run, and the time it can be read.
    const ttlMs = retentionMs + 2 * 24 * 60 * 60_000;
    const held = await redis.set(
      keys.idempotency(tenant, keyHash),
      `${jobId} ${hash}`,
      'PX',
      ttlMs,
      'NX',
      'GET',
    );
    const [heldJobId = jobId, heldHash = hash] = (held ?? '').split(' ').filter(Boolean);
    return { jobId: heldJobId, hash: heldHash };
  }

  async function create(job: NewJob) {
    const { jobId, epoch, tenant, spec, queueMs, totalMs, retry } = job;
    // The indexes come first: a record that they do not name would be found by nobody, were we to die in between.
    const [now = 0] = await scripts.schedule([keys.due], [jobId, FIRST_LOOK_MS, 'NX']);
    await redis.zadd(keys.jobs(tenant), 'NX', now, jobId);
    const [code, heldEpoch, status] = await scripts.create(
      [keys.record(jobId), keys.log(jobId)],
      [
        ...[keys.channel(jobId), jobId, epoch, tenant, JSON.stringify(spec), queueMs, totalMs, retry],
        ...[QUEUED_BODY, now, spec.priority ?? 0, spec.onDisconnect ?? 'continue'],
      ],
    );
    return { created: code === 'created', epoch: String(heldEpoch), status: status as JobStatus };
  }

  async function begin(jobId: string, leaseMs: number, owner: string): Promise<BeginOutcome> {
    // Lowered before the lease exists, raised lazily by the sweeper: so no lease lapses unseen.
    await scripts.schedule([keys.due], [jobId, leaseMs, 'LT']);
    const reply = await scripts.begin([keys.record(jobId)], [leaseMs, owner]);
    const [code, fence, lastSeq, epoch, spec, remainingMs, output, pauseWish] = reply;
    if (code === 'begun' || code === 'queue_timeout') {
      return {
        code,
        attempt: {
          fence: Number(fence),
          lastSeq: Number(lastSeq),
          epoch: String(epoch),
          spec: JSON.parse(String(spec)),
          remainingMs: Number(remainingMs),
          hasOutput: output === '1',
          pauseWish: pauseWish === '1',
        },
      };
    }
    return { code: code as 'held' | 'terminal' | 'missing' };
  }

  async function append({ jobId, fence, firstSeq, bodies, hasOutput, terminal, pause }: Batch) {
    const [code, lastSeq, cancelBy, pauseWish] = await scripts.append(
      [keys.record(jobId), keys.log(jobId)],
      [
        keys.channel(jobId),
        jobId,
        fence,
        firstSeq,
        terminal ?? '',
        retentionMs,
        hasOutput ? '1' : '',
        pause?.code ?? '',
        pause?.code === 'paused' ? pause.limitMs : '',
        ...bodies,
      ],
    );
    return { code: code as AppendCode, lastSeq: Number(lastSeq), ...wishesOf(cancelBy, pauseWish) };
  }

  async function renew(jobId: string, fence: number, leaseMs: number): Promise<RenewOutcome> {
    const [code, cancelBy, pauseWish] = await scripts.renew([keys.record(jobId)], [fence, leaseMs]);
    return { code: code as RenewOutcome['code'], ...wishesOf(cancelBy, pauseWish) };
  }

  async function release(jobId: string, fence: number): Promise<ReleaseCode> {
    const [code] = await scripts.release([keys.record(jobId)], [fence, DEFAULT_TIMEOUTS.queueMs]);
    // Due at once: the sweeper gives it its queue entry.
    if (code === 'ok') await scripts.schedule([keys.due], [jobId, 0, 'LT']);
    return code as ReleaseCode;
  }

  async function cancel(jobId: string, by: 'client' | 'disconnect' | 'operator'): Promise<CancelOutcome> {
    const [code, status] = await scripts.cancel(
      [keys.record(jobId), keys.log(jobId)],
      [keys.channel(jobId), jobId, keys.control, by, retentionMs],
    );
    if (code === 'missing') return { code: 'missing' };
    return { code: code as 'cancelled' | 'requested' | 'terminal', status: status as JobStatus };
  }

  async function setPauseWish(jobId: string, wish: boolean): Promise<PauseOutcome> {
    const [code, status] = await scripts.pause([keys.record(jobId)], [jobId, keys.control, wish ? '1' : '']);
    if (code === 'missing') return { code: 'missing' };
    return { code: code as 'recorded' | 'terminal', status: status as JobStatus };
  }

  async function range(
    jobId: string,
    afterSeq: number,
    maxEvents: number,
    maxBytes: number,
  ): Promise<Page | undefined> {
    const [epoch, lastSeq, status, ...events] = await scripts.range(
      [keys.record(jobId), keys.log(jobId)],
      [afterSeq, maxEvents, maxBytes],
    );
    if (epoch === undefined) return undefined;
    return {
      epoch: String(epoch),
      lastSeq: Number(lastSeq),
      status: status as JobStatus,
      events: events as string[],
    };
  }

  async function positions(jobIds: string[]) {
    const found = new Map<string, Position>();
    await Promise.all(
      jobIds.map(async (jobId) => {
        const [epoch, seq, status] = await redis.hmget(keys.record(jobId), 'epoch', 'seq', 'status');
        if (epoch && status) found.set(jobId, { epoch, lastSeq: Number(seq), status: status as JobStatus });
      }),
    );
    return found;
  }

  async function get(jobId: string) {
    const [record, lastEvent] = await Promise.all([
      redis.hgetall(keys.record(jobId)),
      redis.lindex(keys.log(jobId), -1),
    ]);
    const job = jobOfRecord(jobId, record);
    if (!job) return undefined;
    return {
      job,
      tenant: record.tenant ?? '',
      spec: JSON.parse(record.spec ?? '{}'),
      lastEvent: lastEvent ?? undefined,
    };
  }

  async function countListeners(jobId: string): Promise<number> {
    const channel = keys.channel(jobId);
    // In a cluster each node knows only its own subscribers.
    const replies = await Promise.all(serversOf(redis).map((node) => node.pubsub('NUMSUB', channel)));
    return replies.reduce((sum, reply) => sum + Number((reply as [string, number])[1]), 0);
  }

  return {
    reserve: (...args) => tellErrorsApart(reserve(...args)),
    create: (job) => tellErrorsApart(create(job)),
    begin: (jobId, leaseMs, owner) => tellErrorsApart(begin(jobId, leaseMs, owner)),
    append: (batch) => tellErrorsApart(append(batch)),
    renew: (jobId, fence, leaseMs) => tellErrorsApart(renew(jobId, fence, leaseMs)),
    release: (jobId, fence) => tellErrorsApart(release(jobId, fence)),
    cancel: (jobId, by) => tellErrorsApart(cancel(jobId, by)),
    setPauseWish: (jobId, wish) => tellErrorsApart(setPauseWish(jobId, wish)),
    range: (...args) => tellErrorsApart(range(...args)),
    positions: (jobIds) => tellErrorsApart(positions(jobIds)),
    get: (jobId) => tellErrorsApart(get(jobId)),
    countListeners: (jobId) => tellErrorsApart(countListeners(jobId)),
    list: (tenant, query) => tellErrorsApart(listJobs({ redis, keys }, tenant, query)),
  };
}

type Reply = string | number | undefined;

function wishesOf(cancelBy: Reply, pauseWish: Reply): Wishes {
  const by = cancelBy === undefined || cancelBy === '' ? undefined : String(cancelBy);
  return { cancelBy: by, pauseWish: pauseWish === '1' };
}
