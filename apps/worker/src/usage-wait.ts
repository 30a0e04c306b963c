/** Whether a job waits in the queue for a usage limit to be lifted, and until when. Pure. */
import type { UpstreamFailure } from '@cc-executor/claude-api-client';
import type { RetryPolicy } from '@cc-executor/protocol';

/** A limit may hold a little beyond its reset: so long, and it is tried again after as much, in ms. */
const LATE_MS = 60_000;

export type WaitQuestion = {
  failure: UpstreamFailure;
  policy: RetryPolicy;
  /** Output stands in the log, of this call or of an earlier one. */
  hasOutput: boolean;
  /** How often the work may still be begun anew. */
  attemptsLeft: number;
  /** Until when it may wait in the queue (Unix ms). */
  takeBy: number;
  now: number;
};

/**
 * Until when a credential is blocked by this failure (Unix ms); undefined when it is no limit, or when it is not known when
 * it ends: a reset that has long passed tells nothing.
 */
export function blockedUntil({ code, resetsAt }: UpstreamFailure, now: number): number | undefined {
  if (code !== 'claude_usage_limit' || resetsAt === undefined || resetsAt + LATE_MS <= now) return undefined;
  return resetsAt > now ? resetsAt : now + LATE_MS;
}

/**
 * When the job may be taken again (Unix ms), or undefined when it is to end. It waits only if it has the time, and if
 * running it repeats nothing, as with any other retry.
 */
export function planWait(question: WaitQuestion): number | undefined {
  const { failure, now, takeBy } = question;
  const until = blockedUntil(failure, now);
  return until !== undefined && until < takeBy && mayRunAgain(question) ? until : undefined;
}

function mayRunAgain({ failure, policy, hasOutput, attemptsLeft }: WaitQuestion): boolean {
  if (!failure.sent) return policy === 'always' || !hasOutput;
  if (policy === 'never') return false;
  const began = failure.began !== false || hasOutput;
  return !began || (policy === 'always' && attemptsLeft > 0);
}
