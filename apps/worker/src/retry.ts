/** Whether, and when, an attempt may call upstream again. Pure. */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { RetryPolicy } from '@cc-executor/protocol';
import { backoffDelay } from '@cc-executor/runtime';

const BASE_MS = 250;
const MAX_MS = 15_000;

/** Upstream answered that it took nothing: 429, 503, 529. */
const REFUSED_CODE = 'upstream_busy';

/**
 * The delay in ms before the next call, or undefined when there must be none.
 * `safe` repeats only what provably did not begin: unsent, or refused by upstream. `always` repeats any failure,
 * since the caller has declared the job idempotent; `never` nothing. None outlives the deadline.
 */
export function retryDelayMs({
  outcome,
  policy,
  hasOutput,
  call,
  remainingMs,
  random,
}: {
  outcome: UpstreamOutcome;
  policy: RetryPolicy;
  hasOutput: boolean;
  /** Calls made so far, from 1. */
  call: number;
  remainingMs: number;
  random?: () => number;
}): number | undefined {
  if (outcome.status !== 'failed' || policy === 'never') return undefined;
  const didNotBegin = !hasOutput && (!outcome.sent || outcome.code === REFUSED_CODE);
  if (!didNotBegin) return undefined;
  const backoffMs = backoffDelay({
    attempt: call,
    baseMs: BASE_MS,
    maxMs: MAX_MS,
    ...(random ? { random } : {}),
  });
  const delayMs = Math.max(outcome.retryAfterMs ?? 0, Math.round(backoffMs));
  return delayMs < remainingMs ? delayMs : undefined;
}
