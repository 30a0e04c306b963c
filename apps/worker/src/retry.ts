/** Whether, and when, an attempt may call upstream again. Pure. */
import {
  refusalCodes,
  type UpstreamFailure,
  type UpstreamFailureCode,
  type UpstreamOutcome,
} from '@cc-executor/claude-api-client';
import type { RetryPolicy } from '@cc-executor/protocol';
import { backoffDelay } from '@cc-executor/runtime';

const BASE_MS = 250;
const MAX_MS = 15_000;
/** The status with which claude-api says that the workspace or conversation is in use. */
const IN_USE = 409;
/** Ends that say nothing about the work: another try may go better. Claude's own verdicts are not among them. */
const restartable = new Set<UpstreamFailureCode>([
  'upstream_cut',
  'upstream_incomplete',
  'upstream_garbage',
  'upstream_error',
  'upstream_http_error',
  'upstream_cancelled',
  'digest_mismatch',
  'claude_overloaded',
  'claude_rate_limited',
]);

/** Refused for what was asked: the answer would be the same again. */
const refusals = new Set<UpstreamFailureCode>([...refusalCodes, 'secrets_unreadable']);

/** Not to be called for again, whatever the policy; for a usage limit to be lifted a job waits in the queue. */
const final = new Set<UpstreamFailureCode>([...refusals, 'claude_usage_limit']);

/** With these upstream says that it has taken nothing, and may later. */
const postponed = new Set<UpstreamFailureCode>(['upstream_busy', 'credentials_unavailable']);

/** It never left, or upstream answered that it took nothing: 429, 503, 529, or a refusal of what was asked. */
export function didNotBegin({ sent, code }: UpstreamFailure): boolean {
  return !sent || postponed.has(code) || refusals.has(code);
}

export type Retry = {
  delayMs: number;
  /** The work had begun: what it put out is void. */
  restart: boolean;
  /** Another job can run meanwhile: the wait is this one's own. */
  freesSlot: boolean;
};

/** claude-api takes nothing now, from nobody: a job taken in this one's place would only wait out of its turn. */
function concernsAll({ sent, code, httpStatus }: UpstreamFailure): boolean {
  return !sent || (code === 'upstream_busy' && httpStatus !== IN_USE);
}

/**
 * The next call, or undefined when there must be none.
 * `safe` repeats only what provably did not begin: unsent, or refused by upstream. `always` also begins anew what had
 * begun, since the caller has declared the job idempotent; `never` repeats nothing. None outlives the deadline.
 */
export function planRetry({
  outcome,
  policy,
  hasOutput,
  call,
  attemptsLeft,
  remainingMs,
  random,
}: {
  outcome: UpstreamOutcome;
  policy: RetryPolicy;
  /** Output stands in the log, of this call or of an earlier one. */
  hasOutput: boolean;
  /** Calls made so far, from 1. */
  call: number;
  /** How often the work may still be begun anew. */
  attemptsLeft: number;
  remainingMs: number;
  random?: () => number;
}): Retry | undefined {
  if (outcome.status !== 'failed' || policy === 'never' || final.has(outcome.code)) return undefined;
  const restart = !didNotBegin(outcome);
  const mayRepeat = restart
    ? policy === 'always' && attemptsLeft > 0 && restartable.has(outcome.code)
    : policy === 'always' || !hasOutput;
  if (!mayRepeat) return undefined;
  const backoffMs = backoffDelay({
    attempt: call,
    baseMs: BASE_MS,
    maxMs: MAX_MS,
    ...(random ? { random } : {}),
  });
  const delayMs = Math.max(outcome.retryAfterMs ?? 0, backoffMs);
  return delayMs < remainingMs ? { delayMs, restart, freesSlot: !concernsAll(outcome) } : undefined;
}
