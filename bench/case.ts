/** A case: what is measured, what has to come out, and how it is shown. */
import type { Bench } from './bench.ts';
import { type Goal, type JudgedGoal, judge, leaveOpen } from './goals.ts';
import type { Table } from './table.ts';

export type Case<R> = {
  /** One letter, for the command line. */
  readonly name: string;
  readonly title: string;
  /** Left out where no case is named: all others together take ten minutes. */
  readonly isOnlyNamed?: boolean;
  readonly goals: readonly Goal<R>[];
  measure(bench: Bench): Promise<R>;
  show(result: R): readonly Table[];
};

export type CaseReport = {
  readonly tables: readonly Table[];
  readonly goals: readonly JudgedGoal[];
  /** All figures of all rounds. */
  readonly result: unknown;
};

/** A case whose kind of result is nobody else's business. */
export type AnyCase = {
  readonly name: string;
  readonly title: string;
  readonly isOnlyNamed: boolean;
  run(bench: Bench): Promise<CaseReport>;
  /** What there is to report when it could not be run to its end, and why not. */
  leaveOpen(reason: string): CaseReport;
};

export function defineCase<R>({ name, title, isOnlyNamed = false, goals, measure, show }: Case<R>): AnyCase {
  return {
    name,
    title,
    isOnlyNamed,
    async run(bench) {
      const result = await measure(bench);
      return { tables: show(result), goals: goals.map((goal) => judge(goal, result)), result };
    },
    leaveOpen: (reason) => ({
      tables: [],
      goals: goals.map((goal) => leaveOpen(goal, reason)),
      result: undefined,
    }),
  };
}
