import { createEpoch, createJobId } from '@cc-executor/protocol';
import { RedisFaultError } from '@cc-executor/redis';
import { createMemoryJobLog, type WholeLog } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLeases, type Leases } from '../src/leases.ts';
import { away, silent, TENANT } from './harness.ts';

const LEASE_MS = 3_000;
const TICK_MS = LEASE_MS / 3;

let log: WholeLog;
let jobId: string;
let leases: Leases;

beforeEach(async () => {
  vi.useFakeTimers();
  log = createMemoryJobLog().log;
  jobId = createJobId();
  await log.create({
    jobId,
    epoch: createEpoch(),
    tenant: TENANT,
    spec: { prompt: 'x' },
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'safe',
  });
  await log.begin(jobId, LEASE_MS, 'me');
});
afterEach(() => {
  leases.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function keep(on: WholeLog, fence = 1) {
  leases = createLeases({ log: on, leaseMs: LEASE_MS, logger: silent });
  return { ...keepAnother(fence) };
}

function keepAnother(fence = 1) {
  const lost: string[] = [];
  const cancelled: string[] = [];
  const faults: unknown[] = [];
  const release = leases.keep({
    jobId,
    fence,
    onLost: (reason) => lost.push(reason),
    onFault: (error) => faults.push(error),
    onWishes: ({ cancelBy }) => {
      if (cancelBy !== undefined) cancelled.push(cancelBy);
    },
  });
  return { lost, cancelled, faults, release };
}

function counted(answer: WholeLog['renew'] = log.renew) {
  const renew = vi.fn(answer);
  return { renew, on: { ...log, renew } };
}

test('a lease is renewed every third of it, until it is let go', async () => {
  const { renew, on } = counted();
  const { lost, release } = keep(on);
  await vi.advanceTimersByTimeAsync(3 * TICK_MS);
  expect(renew.mock.calls).toEqual(Array.from({ length: 3 }, () => [jobId, 1, LEASE_MS]));
  release();
  await vi.advanceTimersByTimeAsync(3 * TICK_MS);
  expect(renew).toHaveBeenCalledTimes(3);
  expect(lost).toEqual([]);
});

test('an attempt that has lost its job is told so', async () => {
  const { lost } = keep(log);
  await log.release(jobId, 1, true);
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(lost).toEqual(['fenced']);
});

test('a check asks now, and a cancel that was recorded is told with its author', async () => {
  const { lost, cancelled } = keep(log);
  await log.cancel(TENANT, jobId, 'disconnect');
  leases.check(jobId);
  leases.check('another');
  await vi.advanceTimersByTimeAsync(0);
  expect(cancelled).toEqual(['disconnect']);
  expect(lost).toEqual([]);
});

test('one renewal of a job is under way at a time, and a check that came meanwhile is made up for', async () => {
  const gate = Promise.withResolvers<void>();
  const { renew, on } = counted(async (...args) => {
    await gate.promise;
    return log.renew(...args);
  });
  keep(on);
  leases.check(jobId);
  leases.check(jobId);
  await vi.advanceTimersByTimeAsync(2 * TICK_MS);
  expect(renew).toHaveBeenCalledTimes(1);
  gate.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(renew).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(renew).toHaveBeenCalledTimes(3);
});

test.each([
  ['refuses', () => Promise.reject(away())],
  ['does not answer at all', () => new Promise<never>(() => undefined)],
])('an attempt goes on for eight leases while Redis %s, and is then lost', async (_name, answer) => {
  const { on } = counted(answer);
  const { lost } = keep(on);
  await vi.advanceTimersByTimeAsync(8 * LEASE_MS);
  expect(lost).toEqual([]);
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(lost).toEqual(['Redis did not answer for too long']);
});

test('a lease that can never be renewed is a fault at once, and nothing is lost by it', async () => {
  const refused = new RedisFaultError('NOPERM', new Error('NOPERM this user has no permissions'));
  const { on } = counted(() => Promise.reject(refused));
  const { lost, faults } = keep(on);
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(faults).toEqual([refused]);
  expect(lost).toEqual([]);
});

test('an answer in time begins the eight leases anew', async () => {
  let isAway = true;
  const { on } = counted((...args) => (isAway ? Promise.reject(away()) : log.renew(...args)));
  const { lost } = keep(on);
  await vi.advanceTimersByTimeAsync(7 * LEASE_MS);
  isAway = false;
  await vi.advanceTimersByTimeAsync(TICK_MS);
  isAway = true;
  await vi.advanceTimersByTimeAsync(7 * LEASE_MS);
  expect(lost).toEqual([]);
});

test('an answer that comes after the attempt has ended is told to nobody', async () => {
  const gate = Promise.withResolvers<void>();
  const { on } = counted(async (...args) => {
    await gate.promise;
    return log.renew(...args);
  });
  const { lost, release } = keep(on);
  leases.check(jobId);
  await log.release(jobId, 1, true);
  release();
  gate.resolve();
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(lost).toEqual([]);
});

test('a newer attempt of the same job is kept when the older one lets go', async () => {
  const older = keep(log);
  await log.release(jobId, 1, true);
  const begun = await log.begin(jobId, LEASE_MS, 'again');
  const newer = keepAnother('attempt' in begun ? begun.attempt.fence : 0);
  older.release();
  await log.cancel(TENANT, jobId, 'client');
  await vi.advanceTimersByTimeAsync(TICK_MS);
  expect(newer.cancelled).toEqual(['client']);
  expect(newer.lost).toEqual([]);
});
