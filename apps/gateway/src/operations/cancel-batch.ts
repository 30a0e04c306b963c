/** Cancel batch: recorded first, so that lines that come from now on are cancelled too; then job by job. */
import type { JobBatches, WishLog } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import type { Operation } from './operation.ts';

/** Jobs that are cancelled at once. */
const STEP = 50;

/** Errors: `batch_not_found`. Of a call that was cut short the rest is cancelled by the same call again. */
export function createCancelBatch({
  jobBatches,
  wishLog,
}: {
  jobBatches: JobBatches;
  wishLog: Pick<WishLog, 'cancel'>;
}): Operation<'cancelBatch'> {
  return async ({ tenant }, { batchId }) => {
    if (!(await jobBatches.cancel(tenant, batchId))) throw new ProtocolError('batch_not_found');
    let accepted = 0;
    for (let afterLine: number | undefined = 0; afterLine !== undefined; ) {
      const lines = await jobBatches.unfinished(batchId, afterLine, STEP);
      const outcomes = await Promise.all(lines.map(({ jobId }) => wishLog.cancel(tenant, jobId, 'client')));
      accepted += outcomes.filter(({ code }) => code === 'cancelled' || code === 'requested').length;
      afterLine = lines.at(-1)?.line;
    }
    return { result: { accepted } };
  };
}
