/** Get: what a job's record says now and, when it has ended, its terminal event. */
import type { JobLog } from '@cc-executor/job-log';
import { isTerminal, ProtocolError, type TerminalEvent } from '@cc-executor/protocol';
import type { Operation } from './operation.ts';

/** Errors: `job_not_found`. */
export function createGet({ log }: { log: JobLog }): Operation<'get'> {
  return async (_session, { jobId }) => {
    const stored = await log.get(jobId);
    if (!stored) throw new ProtocolError('job_not_found');
    const { job, lastEvent } = stored;
    if (!isTerminal(job.status) || lastEvent === undefined) return { result: job };
    return { result: { ...job, terminal: JSON.parse(lastEvent) as TerminalEvent } };
  };
}
