/** Reads a record's hash into the job that its tenant's clients see. */
import { isTerminal, type Job, type JobStatus } from '@cc-executor/protocol';

/** The job of a record as HGETALL gives it; undefined when there is none, or it is another tenant's. */
export function jobOfRecord(tenant: string, jobId: string, record: Record<string, string>): Job | undefined {
  if (record.tenant !== tenant || !record.status || !record.epoch) return undefined;
  const status = record.status as JobStatus;
  const { metadata } = JSON.parse(record.spec ?? '{}') as { metadata?: Record<string, unknown> };
  return {
    jobId,
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
    deadlineAt: Number(record.deadline),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
