/** Reads a record's hash into the job that clients see. */
import { isTerminal, type Job, type JobStatus } from '@cc-executor/protocol';

/** The job of a record as HGETALL gives it; undefined when there is none. */
export function jobOfRecord(jobId: string, record: Record<string, string>): Job | undefined {
  if (!record.status || !record.epoch) return undefined;
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
