/** Cancel: recorded first, then signalled. Of a cancel and an end at the same moment one wins; the answer says which. */
import type { JobLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createCancel({ log }: { log: JobLog }): Operation<'cancel'> {
  return async (_session, { jobId }) => answerWish(await log.cancel(jobId, 'client'));
}
