/** What many times come to. */

export type Quantiles = { p50Ms: number; p95Ms: number; p99Ms: number; maxMs: number };

/** @param timesUs in any order. Of none, everything is NaN. */
export function quantiles(timesUs: readonly number[]): Quantiles {
  const sorted = Float64Array.from(timesUs).sort();
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN) / 1_000;
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
}
