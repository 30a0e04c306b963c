import { describe, expect, test } from 'vitest';
import { decideRestart, defaultLimits, freshState, type RestartState } from '../../src/up/restart-policy.ts';

function delaysOf(readyTimes: readonly (number | undefined)[]): number[] {
  let state: RestartState = freshState;
  return readyTimes.map((readyForMs) => {
    const decision = decideRestart(state, readyForMs);
    state = decision.state;
    return decision.delayMs;
  });
}

describe('decideRestart', () => {
  test('doubles the wait with each quick death, up to the maximum, and never gives up', () => {
    expect(delaysOf(Array.from({ length: 9 }, () => 10))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
    ]);
  });

  test('forgets earlier deaths after a time of health', () => {
    const { healthyMs } = defaultLimits;
    expect(delaysOf([10, 10, 10, healthyMs, 10])).toEqual([250, 500, 1_000, 250, 500]);
  });

  test('does not forgive a child that was nearly healthy or never ready', () => {
    const { healthyMs } = defaultLimits;
    expect(delaysOf([undefined, undefined, healthyMs - 1])).toEqual([250, 500, 1_000]);
  });

  test('gets loud with the fifth death in a row and quiet again after a time of health', () => {
    const fourDeaths = { quickDeaths: 4 };
    expect(decideRestart({ quickDeaths: 3 }, 10).loud).toBe(false);
    expect(decideRestart(fourDeaths, 10).loud).toBe(true);
    expect(decideRestart(fourDeaths, defaultLimits.healthyMs).loud).toBe(false);
  });

  test('waits briefly however often a child has died', () => {
    expect(decideRestart({ quickDeaths: 100_000 }, 10).delayMs).toBe(defaultLimits.maxMs);
  });
});
