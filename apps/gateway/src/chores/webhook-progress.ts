/** What an attempt to deliver a webhook comes to, as a pure function of how far it had come, its outcome and the time. */
import type { Progress } from '@cc-executor/job-log';
import { type Outcome, retryDelay } from '@cc-executor/webhooks';

/** For so long a webhook is sent again, in ms. */
const GIVE_UP_MS = 24 * 60 * 60_000;
/** The receiver is gone, and says so. */
const GONE = 410;

/** Only an answer of 2xx is one that says that the webhook was taken. */
export function isDelivered(outcome: Outcome): boolean {
  return 'status' in outcome && outcome.status >= 200 && outcome.status < 300;
}

/**
 * @param options.baseMs the longest wait after the first failure
 * @param options.readableUntil when the record of the job, and with it this, is gone
 */
export function progressAfter(
  before: Progress,
  outcome: Outcome,
  options: { now: number; baseMs: number; readableUntil: number; random?: () => number },
): Progress {
  const { now, readableUntil, ...plan } = options;
  const { lastStatus: _, lastError: __, ...kept } = before;
  const said = 'status' in outcome ? { lastStatus: outcome.status } : { lastError: outcome.error };
  const after = { ...kept, ...said, attempts: before.attempts + 1, lastAt: now };
  if (isDelivered(outcome)) return { ...after, state: 'delivered' };
  const failures = before.failures + 1;
  const { retryAfterMs } = 'status' in outcome ? outcome : {};
  const nextAt = now + retryDelay({ ...plan, failures, retryAfterMs });
  const isHopeless =
    ('status' in outcome && outcome.status === GONE) ||
    nextAt > Math.min(before.since + GIVE_UP_MS, readableUntil);
  return { ...after, failures, nextAt, state: isHopeless ? 'failed' : 'pending' };
}
