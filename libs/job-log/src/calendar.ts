/** The minutes and days by which ended jobs are counted, and how long their counters are kept. */

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
/** A day and an hour; five weeks. */
export const MINUTE_LIFE_MS = DAY_MS + 60 * MINUTE_MS;
export const DAY_LIFE_MS = 35 * DAY_MS;
/** So many counters a day has, with those of models and tenants; further ones count for others. */
export const MAX_COUNTERS = 2_000;

/** When the minute began, in Unix ms. */
export function minuteOf(at: number): number {
  return at - (at % MINUTE_MS);
}

/** In UTC, as `2026-11-27`. */
export function dateOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
