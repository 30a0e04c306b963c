/** Cancel: recorded first, then signalled. Of a cancel and an end at the same moment one wins; the answer says which. */
import type { WishLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createCancel({ wishLog }: { wishLog: WishLog }): Operation<'cancel'> {
  return async ({ tenant }, { jobId }) => answerWish(await wishLog.cancel(tenant, jobId, 'client'));
}
