/** Get: what a job's record says now and, when it has ended, its terminal event. */
import type { ReadLog } from '@cc-executor/job-log';
import { ProtocolError, type TerminalEvent } from '@cc-executor/protocol';
import type { Operation } from './operation.ts';

/** Errors: `job_not_found`. */
export function createGet({ readLog }: { readLog: ReadLog }): Operation<'get'> {
  return async ({ tenant, reads }, { jobId }) => {
    const stored = await reads.take(() => readLog.get(tenant, jobId));
    if (!stored) throw new ProtocolError('job_not_found');
    const { job, terminalEvent } = stored;
    if (terminalEvent === undefined) return { result: job };
    return { result: { ...job, terminal: JSON.parse(terminalEvent) as TerminalEvent } };
  };
}
