/** When a webhook that was not taken is sent again. */
import { backoffDelay } from '@cc-executor/runtime';

/** However often it failed, and whatever the receiver asks for: no wait is longer, in ms. */
const LONGEST_MS = 60 * 60_000;

export type RetryPlan = {
  /** How often it has failed, from 1. */
  failures: number;
  /** The longest wait after the first failure, in ms. */
  baseMs: number;
  /** What the receiver asked for, in ms. */
  retryAfterMs?: number | undefined;
  random?: () => number;
};

/** How long to wait, in ms: with jitter, longer each time, and no shorter than the receiver asked for. */
export function retryDelay({ failures, baseMs, retryAfterMs = 0, random = Math.random }: RetryPlan): number {
  const backoff = backoffDelay({ attempt: failures, baseMs, maxMs: LONGEST_MS, random });
  return Math.min(LONGEST_MS, Math.max(backoff, retryAfterMs));
}
