/**
 * When to try again: exponential backoff with full jitter, and, where the caller wants it, a bound on tries in a row
 * without progress. Pure state; times are in ms.
 */
export type ReconnectPolicy = {
  baseMs: number;
  maxMs: number;
  /** After so many tries in a row all jobs that are listened to end with `connect_failed`. Default: never. */
  attempts: number;
};

export const DEFAULT_RECONNECT: ReconnectPolicy = { baseMs: 200, maxMs: 5_000, attempts: Infinity };

/** A connection that held this long was a good one, even if nothing happened on it. */
const GOOD_AFTER_MS = 10_000;

export type Backoff = {
  /** The delay before the next try; undefined when the tries are used up. */
  next(): number | undefined;
  /** Something went forward: count from the start again. */
  progress(): void;
};

/** `random` gives numbers in [0, 1). */
export function createBackoff(policy: ReconnectPolicy, random: () => number = Math.random): Backoff {
  let tries = 0;
  return {
    next() {
      if (tries >= policy.attempts) return undefined;
      // Beyond 2^30 the product would lose its meaning; by then it is far over any maximum.
      const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(tries, 30));
      tries += 1;
      return random() * ceiling;
    },
    progress() {
      tries = 0;
    },
  };
}

/** Whether a connection held long enough to forget the failures before it. */
export function wasGood(connectedAt: number, lostAt: number): boolean {
  return lostAt - connectedAt >= GOOD_AFTER_MS;
}
