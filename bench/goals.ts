/** Goals as data: what of a result has to be at least or at most what, and whether it is. */

export type Goal<R> = {
  /** What the number is, in words. */
  readonly what: string;
  readonly unit: string;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  /** NaN where it is unknown. */
  of(result: R): number;
};

type Verdict = 'met' | 'not met' | 'not measured';

export type JudgedGoal = {
  readonly what: string;
  readonly unit: string;
  /** As a sign and a number: `≥ 1.3`. */
  readonly bound: string;
  /** Absent where it was not measured. */
  readonly value?: number;
  /** Why it was not measured. */
  readonly reason?: string;
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
  const { bound } = goal;
  const value = goal.of(result);
  if (!Number.isFinite(value)) return leaveOpen(goal, 'this machine does not tell');
  const isMet = 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
  return { ...describe(goal), value, verdict: isMet ? 'met' : 'not met' };
}

/** A goal that nothing is known about, and why. */
export function leaveOpen<R>(goal: Goal<R>, reason: string): JudgedGoal {
  return { ...describe(goal), reason, verdict: 'not measured' };
}

function describe<R>({ what, unit, bound }: Goal<R>): Pick<JudgedGoal, 'what' | 'unit' | 'bound'> {
  return { what, unit, bound: 'atLeast' in bound ? `≥ ${bound.atLeast}` : `≤ ${bound.atMost}` };
}
