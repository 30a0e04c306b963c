/** Waiting between attempts. */
import { setTimeout as wait } from 'node:timers/promises';

/**
 * How long to wait before another attempt, in milliseconds: a random share of a ceiling that doubles with
 * each attempt (full jitter), so that many clients that failed together do not come back together.
 *
 * @param options.attempt the number of attempts that have failed, from 1
 * @param options.baseMs the ceiling after the first failure
 * @param options.maxMs the highest ceiling
 */
export function backoffDelay(options: {
  attempt: number;
  baseMs: number;
  maxMs: number;
  random?: () => number;
}): number {
  const { attempt, baseMs, maxMs, random = Math.random } = options;
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt - 1));
  return Math.floor(random() * ceiling);
}

/** Waits; rejects with an `AbortError` as soon as `signal` is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal });
}
