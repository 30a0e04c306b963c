/** Batch results: what became of each line of a batch, in their order, a page at a time. */
import type { JobBatches, ReadLog } from '@cc-executor/job-log';
import {
  type BatchJob,
  type BatchResult,
  MAX_EVENT_BYTES,
  ProtocolError,
  protocolErrors,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { Operation } from './operation.ts';

const DEFAULT_LIMIT = 20;
/** Records that are read at once: a terminal event may have 224 KiB. */
const STEP = 8;

/** Errors: `batch_not_found`. */
export function createBatchResults({
  jobBatches,
  readLog,
}: {
  jobBatches: JobBatches;
  readLog: Pick<ReadLog, 'get'>;
}): Operation<'batchResults'> {
  async function resultOf(tenant: string, job: BatchJob): Promise<BatchResult> {
    if (job.jobId === undefined) return job;
    const stored = await readLog.get(tenant, job.jobId);
    if (!stored) {
      return { ...job, error: { code: 'job_not_found', message: protocolErrors.job_not_found.description } };
    }
    const { terminalEvent } = stored;
    const terminal = terminalEvent && { terminal: JSON.parse(terminalEvent) as TerminalEvent };
    return { ...job, status: stored.job.status, ...terminal };
  }

  return async ({ tenant, reads }, { batchId, afterLine = 0, limit = DEFAULT_LIMIT }) => {
    const batch = await jobBatches.get(tenant, batchId);
    if (!batch) throw new ProtocolError('batch_not_found');
    const jobs = await jobBatches.lines(batchId, afterLine, limit);
    const results: BatchResult[] = [];
    let bytes = 0;
    for (let from = 0; from < jobs.length; from += STEP) {
      const step = jobs.slice(from, from + STEP);
      const read = await reads.take(() => Promise.all(step.map((job) => resultOf(tenant, job))));
      for (const result of read) {
        bytes += Buffer.byteLength(JSON.stringify(result));
        if (bytes > MAX_EVENT_BYTES && results.length > 0) {
          return { result: { results, afterLine: result.line - 1 } };
        }
        results.push(result);
      }
    }
    const last = afterLine + limit;
    return { result: { results, ...(last < batch.lastLine ? { afterLine: last } : {}) } };
  };
}
