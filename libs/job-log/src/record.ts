/** Reads of a record's hash what makes the job that its tenant's clients see. */
import { isTerminal, type JobStatus } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import type { OwnedJob } from './job-log.ts';

/** What of a record `jobOfRecord` needs: small, whatever was asked for. Metadata and spec are fields of their own. */
export const jobFields = [
  ...['tenant', 'status', 'epoch', 'fence', 'seq', 'cancelBy', 'pauseWish'],
  ...['createdAt', 'startedAt', 'endedAt', 'pausedAt', 'notBefore', 'deadline', 'rerunOf'],
  ...['title', 'costUsd', 'failure'],
];

type Fields = Record<string, string | undefined>;

/** Reads these fields of a record, and no others: a prompt can be long. */
export async function readFields(redis: RedisConnection, recordKey: string): Promise<Fields> {
  const values = await redis.hmget(recordKey, ...jobFields);
  return Object.fromEntries(jobFields.map((name, i) => [name, values[i] ?? undefined]));
}

/** The job of a record's fields, with metadata when that is among them; undefined when there is none, or it is another tenant's. */
export function jobOfRecord(tenant: string, jobId: string, record: Fields): OwnedJob | undefined {
  if (record.tenant !== tenant || !record.status || !record.epoch) return undefined;
  const status = record.status as JobStatus;
  return {
    jobId,
    tenant,
    epoch: record.epoch,
    status,
    attempt: Number(record.fence),
    lastSeq: Number(record.seq),
    cancelRequested: record.cancelBy !== undefined,
    pauseRequested: record.pauseWish !== undefined,
    createdAt: Number(record.createdAt),
    ...(record.startedAt === undefined ? {} : { startedAt: Number(record.startedAt) }),
    ...(record.endedAt === undefined ? {} : { endedAt: Number(record.endedAt) }),
    ...(record.pausedAt === undefined || isTerminal(status) ? {} : { pausedAt: Number(record.pausedAt) }),
    ...(record.notBefore === undefined || status !== 'queued' ? {} : { notBefore: Number(record.notBefore) }),
    deadlineAt: Number(record.deadline),
    ...(record.title === undefined ? {} : { title: record.title }),
    ...(record.costUsd === undefined ? {} : { costUsd: Number(record.costUsd) }),
    ...(record.failure === undefined ? {} : { failure: record.failure }),
    ...(record.rerunOf === undefined ? {} : { rerunOf: record.rerunOf }),
    ...(record.metadata === undefined ? {} : { metadata: JSON.parse(record.metadata) }),
  };
}
