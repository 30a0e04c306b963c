/** The answer to a wish about a job (cancel, pause, resume): whether it was recorded before the job had ended. */
import type { CancelOutcome, PauseOutcome } from '@cc-executor/job-log';
import { ProtocolError, type Result } from '@cc-executor/protocol';

/** Errors: `job_not_found`. */
export function answerWish(outcome: CancelOutcome | PauseOutcome): { result: Result<'cancel'> } {
  if (outcome.code === 'missing') throw new ProtocolError('job_not_found');
  return { result: { status: outcome.status, accepted: outcome.code !== 'terminal' } };
}
