import { expect, test } from 'vitest';
import { retryDelay } from '../src/retry.ts';

const HOUR_MS = 3_600_000;

test('waits get longer, up to an hour', () => {
  const longest = (failures: number) => retryDelay({ failures, baseMs: 5_000, random: () => 1 });
  expect([1, 2, 3, 4].map(longest)).toEqual([5_000, 10_000, 20_000, 40_000]);
  expect(longest(40)).toBe(HOUR_MS);
});

test('none is shorter than the receiver asked for, within an hour', () => {
  const wait = (retryAfterMs: number) =>
    retryDelay({ failures: 1, baseMs: 5_000, retryAfterMs, random: () => 0.5 });
  expect([0, 2_500, 60_000, 10 * HOUR_MS].map(wait)).toEqual([2_500, 2_500, 60_000, HOUR_MS]);
});
