/**
 * A short chaos run, as CI has it: `npm run chaos` does the same for longer. CHAOS_SEED and CHAOS_MINUTES choose
 * another one. It has one try only: a promise that holds at the second try is broken.
 */
import { describeViolations, needs } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { runChaos } from '../chaos/run.ts';
import { saveRun } from '../chaos/saved-run.ts';

/** One whose plan has seventeen kinds of faults in this time, which few have. */
const seed = Number(process.env.CHAOS_SEED ?? 20_276_919);
const minutes = Number(process.env.CHAOS_MINUTES ?? 0.7);
/** Start, waiting for the last jobs, tidying up. */
const AROUND_MS = 4 * 60_000;

test(`random faults under load break no promise (seed ${seed}, ${minutes} minutes)`, {
  retry: 0,
  timeout: minutes * 60_000 + AROUND_MS,
}, async (context) => {
  await needs('persistence', 'replication', 'settings')(context);
  const report = (line: string) => process.stdout.write(`${line}\n`);
  const result = await runChaos({ seed, minutes, report });
  const { history, violations, problems, faultsByKind } = result;
  const broken = [...describeViolations(violations).split('\n'), ...problems].filter((line) => line !== '');
  if (broken.length > 0) report(`the history is in ${await saveRun(seed, result)}`);
  expect(broken).toEqual([]);
  // A run in which nothing happened proves nothing.
  expect(Object.keys(faultsByKind).length).toBeGreaterThan(5);
  expect(history.stored.filter(({ record }) => record?.status === 'completed').length).toBeGreaterThan(10);
});
