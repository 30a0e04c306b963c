import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createFlushWindow } from '../src/flush-window.ts';

/** Lets so many writers through at once, and says how many turns of the loop that took. */
async function turnsOf(window: ReturnType<typeof createFlushWindow>, writers: number): Promise<number> {
  let through = 0;
  for (let i = 0; i < writers; i += 1) void window.closes().then(() => (through += 1));
  for (let turns = 1; ; turns += 1) {
    await nextTurn();
    if (through === writers) return turns;
    expect(through).toBe(0);
  }
}

test('an idle worker writes behind what is being read, and no later', async () => {
  const window = createFlushWindow(() => 0);
  for (let i = 0; i < 5; i += 1) expect(await turnsOf(window, 1)).toBe(1);
});

test('many writers go together, and then the next ones wait a moment, which is bounded', async () => {
  // Else a busy machine takes longer for one turn of the loop than they wait.
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let now = 0;
  const window = createFlushWindow(() => now);
  expect(await turnsOf(window, 500)).toBe(1);
  let through = 0;
  for (let i = 0; i < 500; i += 1) void window.closes().then(() => (through += 1));
  await nextTurn();
  expect(through).toBe(0);
  vi.advanceTimersByTime(2);
  await nextTurn();
  expect(through).toBe(500);
  now += 2;
  expect(await turnsOf(window, 500)).toBe(1);
});
