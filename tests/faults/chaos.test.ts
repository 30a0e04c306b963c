/**
 * A short chaos run, as CI has it: `npm run chaos` does the same for longer. CHAOS_SEED and CHAOS_MINUTES choose
 * another one.
 */
import { describeViolations } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { runChaos } from '../chaos/run.ts';

const seed = Number(process.env.CHAOS_SEED ?? 20_260_801);
const minutes = Number(process.env.CHAOS_MINUTES ?? 2);
/** Start, waiting for the last jobs, tidying up. */
const AROUND_MS = 4 * 60_000;

test(
  `random faults under load break no promise (seed ${seed}, ${minutes} minutes)`,
  async () => {
    const { history, violations, problems, faultsByKind } = await runChaos({
      seed,
      minutes,
      report: (line) => process.stdout.write(`${line}\n`),
    });
    expect(describeViolations(violations)).toBe('');
    expect(problems).toEqual([]);
    // A run in which nothing happened proves nothing.
    expect(Object.keys(faultsByKind).length).toBeGreaterThan(5);
    expect(history.stored.filter(({ record }) => record?.status === 'completed').length).toBeGreaterThan(10);
  },
  minutes * 60_000 + AROUND_MS,
);
