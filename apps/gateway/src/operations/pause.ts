/** Pause: records the wish that a job stand still; whoever runs it, or begins it later, follows it. */
import type { WishLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createPause({ wishLog }: { wishLog: WishLog }): Operation<'pause'> {
  return async ({ tenant }, { jobId }) => answerWish(await wishLog.setPauseWish(tenant, jobId, true));
}
