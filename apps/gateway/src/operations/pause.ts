/** Pause: records the wish that a job stand still; whoever runs it, or begins it later, follows it. */
import type { JobLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createPause({ log }: { log: JobLog }): Operation<'pause'> {
  return async (_session, { jobId }) => answerWish(await log.setPauseWish(jobId, true));
}
