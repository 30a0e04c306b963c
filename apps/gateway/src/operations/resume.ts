/** Resume: records that a job is to go on, which takes back a wish to pause it. */
import type { WishLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createResume({ wishLog }: { wishLog: WishLog }): Operation<'resume'> {
  return async ({ tenant }, { jobId }) => answerWish(await wishLog.setPauseWish(tenant, jobId, false));
}
