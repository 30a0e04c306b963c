import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRounds } from '../src/doors/rounds.ts';

const endOfTick = () => new Promise<void>((resolve) => process.nextTick(resolve));

let called: string[];
const call = (name: string) => () => void called.push(name);

beforeEach(() => {
  called = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
});
afterEach(() => vi.useRealTimers());

test('calls all who joined in a tick at its end, in their order, once', async () => {
  const rounds = createRounds();
  rounds.join(call('a'));
  rounds.join(call('b'));
  expect(called).toEqual([]);
  await endOfTick();
  expect(called).toEqual(['a', 'b']);
  await endOfTick();
  expect(called).toEqual(['a', 'b']);
});

test('lets the patient rest after a round of many of them, and nobody else', async () => {
  const rounds = createRounds();
  for (let i = 0; i < 400; i += 1) rounds.joinPatiently(call('first'));
  await endOfTick();
  expect(called.length).toBe(400);
  called = [];
  rounds.joinPatiently(call('patient'));
  rounds.join(call('other'));
  await endOfTick();
  expect(called).toEqual(['other']);
  rounds.joinPatiently(call('another patient'));
  vi.advanceTimersByTime(9);
  expect(called).toEqual(['other']);
  vi.advanceTimersByTime(1);
  expect(called).toEqual(['other', 'patient', 'another patient']);
});

test('lets nobody rest where there are few', async () => {
  const rounds = createRounds();
  for (let i = 0; i < 3; i += 1) {
    rounds.joinPatiently(call(`${i}`));
    await endOfTick();
  }
  expect(called).toEqual(['0', '1', '2']);
});

test('does not let them rest for longer than a tenth of a second', async () => {
  const rounds = createRounds();
  for (let i = 0; i < 10_000; i += 1) rounds.joinPatiently(call('first'));
  await endOfTick();
  called = [];
  rounds.joinPatiently(call('patient'));
  vi.advanceTimersByTime(100);
  expect(called).toEqual(['patient']);
});
