import type { Progress } from '@cc-executor/job-log';
import { expect, test, vi } from 'vitest';
import { createLanes } from '../src/chores/lanes.ts';
import { progressAfter } from '../src/chores/webhook-progress.ts';

const HOUR_MS = 3_600_000;
const ENDED_AT = 1_795_468_094_193;
const due: Progress = { state: 'pending', attempts: 0, failures: 0, since: ENDED_AT, nextAt: ENDED_AT };

function after(
  outcome: Parameters<typeof progressAfter>[1],
  {
    before = due,
    now = ENDED_AT + 10,
    readableUntil = Number.POSITIVE_INFINITY,
    random = (): number => 1,
  } = {},
) {
  return progressAfter(before, outcome, { now, baseMs: 5_000, readableUntil, random });
}

test.each([200, 204, 299])('%s says that it was taken', (status) => {
  expect(after({ status })).toMatchObject({ state: 'delivered', attempts: 1, lastStatus: status });
});

test.each([{ status: 100 }, { status: 301 }, { status: 404 }, { status: 500 }, { error: 'ECONNREFUSED' }])(
  '%o does not: it is sent again',
  (outcome) => {
    const first = after(outcome);
    expect(first).toMatchObject({ state: 'pending', attempts: 1, failures: 1, nextAt: ENDED_AT + 5_010 });
    const second = after(outcome, { before: first, now: first.nextAt });
    expect(second).toMatchObject({ attempts: 2, failures: 2, nextAt: first.nextAt + 10_000 });
  },
);

test('what was last said is what the last attempt came to', () => {
  const refused = after({ status: 500 });
  const unreachable = after({ error: 'timeout' }, { before: refused });
  expect(unreachable).toMatchObject({ lastError: 'timeout' });
  expect(unreachable).not.toHaveProperty('lastStatus');
  expect(after({ status: 200 }, { before: unreachable })).not.toHaveProperty('lastError');
});

test('a receiver that is gone gets nothing more', () => {
  expect(after({ status: 410 })).toMatchObject({ state: 'failed', lastStatus: 410 });
});

test('one that wants to be left alone for a while is', () => {
  expect(after({ status: 429, retryAfterMs: 60_000 }).nextAt).toBe(ENDED_AT + 60_010);
});

test('it is given up after a day, or when nobody could ask for the job any more', () => {
  const late = { ...due, failures: 30, attempts: 30 };
  const at = (ms: number, readableUntil?: number) =>
    after({ status: 500 }, { before: late, now: ENDED_AT + ms, ...(readableUntil && { readableUntil }) })
      .state;
  expect([22 * HOUR_MS, 23 * HOUR_MS + 1].map((ms) => at(ms))).toEqual(['pending', 'failed']);
  expect(at(HOUR_MS, ENDED_AT + 90 * 60_000)).toBe('failed');
});

test('a day of failures is more than twenty attempts, and no storm', () => {
  let progress = due;
  while (progress.state === 'pending') {
    progress = after({ status: 500 }, { before: progress, now: progress.nextAt, random: Math.random });
  }
  expect(progress.attempts).toBeGreaterThan(20);
  expect(progress.attempts).toBeLessThan(120);
});

test('a lane in which nothing moves takes its own places, and no others', async () => {
  const lanes = createLanes({ atOnce: 5, perLane: 2, maxWaiting: 2 });
  const stuck = Promise.withResolvers<void>();
  const begun: string[] = [];
  const offer = (lane: string, until: Promise<void>) =>
    lanes.offer(lane, () => {
      begun.push(lane);
      return until;
    });
  const taken = Array.from({ length: 6 }, () => offer('slow', stuck.promise));
  expect(taken).toEqual([true, true, true, true, false, false]);
  expect(begun).toEqual(['slow', 'slow']);
  for (let i = 0; i < 100; i += 1) {
    expect(offer('quick', Promise.resolve())).toBe(true);
    await new Promise(setImmediate);
  }
  expect(begun.filter((lane) => lane === 'quick')).toHaveLength(100);
  stuck.resolve();
  await vi.waitFor(() => expect(begun.filter((lane) => lane === 'slow')).toHaveLength(4));
  await lanes.close();
});

test('where all places are taken, the lanes take turns', async () => {
  const lanes = createLanes({ atOnce: 1, perLane: 1, maxWaiting: 3 });
  const begun: string[] = [];
  for (const lane of ['a', 'a', 'a', 'b', 'b', 'c']) {
    lanes.offer(lane, async () => void begun.push(lane));
  }
  await vi.waitFor(() => expect(begun).toHaveLength(6));
  // The first had its turn before the other lanes were there.
  expect(begun).toEqual(['a', 'a', 'b', 'c', 'a', 'b']);
});
