/** Goals as data: what of a result has to be at least or at most what, and whether it is. */

export type Goal<R> = {
  /** What the number is, in words. */
  readonly what: string;
  readonly unit: string;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  /** NaN where it is unknown. */
  of(result: R): number;
};

type Verdict = 'met' | 'not met' | 'unknown';

export type JudgedGoal = {
  readonly what: string;
  readonly unit: string;
  /** As a sign and a number: `≥ 1.3`. */
  readonly bound: string;
  /** Absent where it is unknown. */
  readonly value?: number;
  readonly verdict: Verdict;
};

export function atLeast<R>(least: number, unit: string, what: string, of: (result: R) => number): Goal<R> {
  return { what, unit, bound: { atLeast: least }, of };
}

export function atMost<R>(most: number, unit: string, what: string, of: (result: R) => number): Goal<R> {
  return { what, unit, bound: { atMost: most }, of };
}

/** The bound itself is within; a number that nobody could measure meets nothing and misses nothing. */
export function judge<R>(goal: Goal<R>, result: R): JudgedGoal {
  const { what, unit, bound } = goal;
  const value = goal.of(result);
  const [sign, limit] = 'atLeast' in bound ? ['≥', bound.atLeast] : ['≤', bound.atMost];
  const judged = { what, unit, bound: `${sign} ${limit}` };
  if (!Number.isFinite(value)) return { ...judged, verdict: 'unknown' };
  const isMet = sign === '≥' ? value >= limit : value <= limit;
  return { ...judged, value, verdict: isMet ? 'met' : 'not met' };
}
