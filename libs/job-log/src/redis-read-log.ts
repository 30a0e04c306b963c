/** Reading records and logs in Redis, each for its own tenant: the job of another is missing, and looks like it. */
import { isTerminal, type JobStatus } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Page, Position, ReadLog, StoredJob, Stretch } from './job-log.ts';
import { type BodyPage, bodyFields, pageOf } from './kept-body.ts';
import type { Keys } from './keys.ts';
import { jobOfRecord, readFields } from './record.ts';
import { listJobs } from './redis-list.ts';
import { defineScripts } from './scripts.ts';

export function createRedisReadLog({ redis, keys }: { redis: RedisConnection; keys: Keys }): ReadLog {
  const scripts = defineScripts(redis, 'range');

  async function range(
    tenant: string,
    jobId: string,
    { afterSeq, maxEvents, maxBytes }: Stretch,
  ): Promise<Page | undefined> {
    const [epoch, lastSeq, status, ...events] = await scripts.range(
      [keys.record(jobId), keys.log(jobId)],
      [tenant, afterSeq, maxEvents, maxBytes],
    );
    if (epoch === undefined) return undefined;
    return {
      epoch: String(epoch),
      lastSeq: Number(lastSeq),
      status: status as JobStatus,
      events: events as string[],
    };
  }

  async function positions(tenant: string, jobIds: string[]) {
    const found = new Map<string, Position>();
    await Promise.all(
      jobIds.map(async (jobId) => {
        const fields = await redis.hmget(keys.record(jobId), 'tenant', 'epoch', 'seq', 'status');
        const [owner, epoch, seq, status] = fields;
        if (owner !== tenant || !epoch || !status) return;
        found.set(jobId, { epoch, lastSeq: Number(seq), status: status as JobStatus });
      }),
    );
    return found;
  }

  async function get(tenant: string, jobId: string): Promise<StoredJob | undefined> {
    const record = await readFields(redis, keys.record(jobId), 'metadata', 'onDisconnect');
    const job = jobOfRecord(tenant, jobId, record);
    if (!job) return undefined;
    // The last event of a job that runs can be as long as what a tool printed.
    const last = isTerminal(job.status) ? await redis.lindex(keys.log(jobId), -1) : null;
    return { job, mayBeAbandoned: record.onDisconnect === 'cancel', terminalEvent: last ?? undefined };
  }

  async function body(
    tenant: string,
    jobId: string,
    { seq, offset }: { seq: number; offset: number },
  ): Promise<BodyPage | undefined> {
    const fields = await redis.hmget(keys.record(jobId), 'tenant', ...bodyFields(seq, offset));
    const [owner, size, text] = fields;
    return owner === tenant ? pageOf(size, text) : undefined;
  }

  return {
    range: (...args) => tellErrorsApart(range(...args)),
    positions: (tenant, jobIds) => tellErrorsApart(positions(tenant, jobIds)),
    get: (tenant, jobId) => tellErrorsApart(get(tenant, jobId)),
    body: (...args) => tellErrorsApart(body(...args)),
    list: (tenant, query) => tellErrorsApart(listJobs({ redis, keys }, tenant, query)),
  };
}
