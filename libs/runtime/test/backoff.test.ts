import { expect, test } from 'vitest';
import { backoffDelay, sleep } from '../src/index.ts';

test('the ceiling doubles with each attempt up to the maximum', () => {
  const ceilings = [1, 2, 3, 4, 60].map((attempt) =>
    backoffDelay({ attempt, baseMs: 100, maxMs: 500, random: () => 1 }),
  );
  expect(ceilings).toEqual([100, 200, 400, 500, 500]);
});

test('the delay is a random share of the whole ceiling', () => {
  const at = (share: number) => backoffDelay({ attempt: 3, baseMs: 100, maxMs: 1000, random: () => share });
  expect([at(0), at(0.5), at(0.999)]).toEqual([0, 200, 399]);
});

test('sleep ends early, with an AbortError, when its signal is aborted', async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort();
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' });
});

test('sleep resolves after its time', async () => {
  const from = performance.now();
  await sleep(20);
  expect(performance.now() - from).toBeGreaterThanOrEqual(19);
});
