/** Resume: records that a job is to go on, which takes back a wish to pause it. */
import type { JobLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';
import { answerWish } from './wish-answer.ts';

/** Errors: `job_not_found`. */
export function createResume({ log }: { log: JobLog }): Operation<'resume'> {
  return async (_session, { jobId }) => answerWish(await log.setPauseWish(jobId, false));
}
