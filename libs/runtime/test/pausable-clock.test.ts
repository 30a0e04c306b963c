import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPausableClock, type PausableClock } from '../src/index.ts';

const LIMIT_MS = 1_000;

let expired = 0;
let clock: PausableClock;

beforeEach(() => {
  vi.useFakeTimers();
  expired = 0;
  clock = createPausableClock(() => {
    expired += 1;
  });
});

afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTime(ms);

/** It expires when so much time has passed from now on, and not a moment before. */
function expectToExpireAfter(ms: number): void {
  expect(clock.remainingMs()).toBe(ms);
  pass(ms - 1);
  expect(expired).toBe(0);
  // To this clock, the turn that the look waits for is another millisecond.
  pass(2);
  expect(expired).toBe(1);
}

test('it expires once when its limit has counted, and not before', () => {
  clock.start(LIMIT_MS);
  expectToExpireAfter(LIMIT_MS);
  pass(5 * LIMIT_MS);
  expect(expired).toBe(1);
  expect(clock.remainingMs()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a new start, and a restart, count from the beginning', () => {
  clock.start(LIMIT_MS);
  pass(900);
  clock.start(2 * LIMIT_MS);
  pass(1_900);
  clock.restart();
  expectToExpireAfter(2 * LIMIT_MS);
});

test('however often it begins anew, one timer is enough', () => {
  clock.start(LIMIT_MS);
  for (let i = 0; i < 100; i += 1) clock.restart();
  expect(vi.getTimerCount()).toBe(1);
});

test('time that passes while it is paused does not count, and pausing or resuming twice changes nothing', () => {
  clock.start(LIMIT_MS);
  pass(400);
  clock.pause();
  clock.pause();
  pass(5 * LIMIT_MS);
  expect(clock.remainingMs()).toBe(600);
  clock.resume();
  pass(100);
  clock.resume();
  expectToExpireAfter(500);
});

test('a start and a restart while it is paused count once it goes on', () => {
  clock.pause();
  clock.start(LIMIT_MS);
  pass(5 * LIMIT_MS);
  clock.resume();
  pass(900);
  clock.pause();
  clock.restart();
  pass(5 * LIMIT_MS);
  expect(expired).toBe(0);
  clock.resume();
  expectToExpireAfter(LIMIT_MS);
});

test('stopped, it counts nothing and holds no timer, until it is started again', () => {
  clock.start(LIMIT_MS);
  clock.stop();
  clock.restart();
  clock.pause();
  clock.resume();
  expect(vi.getTimerCount()).toBe(0);
  expect(clock.remainingMs()).toBe(0);
  clock.start(LIMIT_MS);
  expectToExpireAfter(LIMIT_MS);
});

test('what came while the process stood still is read before the limit is judged', async () => {
  vi.useRealTimers();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [writer] = (await once(server, 'connection')) as [Socket];
  const read = once(reader, 'data').then(() => clock.restart());
  clock.start(200);
  writer.write('a sign of life');
  const standsStillUntil = performance.now() + 300;
  while (performance.now() < standsStillUntil);
  await read;
  await new Promise((resolve) => setImmediate(resolve));
  expect(expired).toBe(0);
  clock.stop();
  reader.destroy();
  writer.destroy();
  server.close();
});
