import { expect, test } from 'vitest';
import { FAULT_WEIGHTS, type PlannedFault, planFaults } from './fault-plan.ts';

const LEASE_MS = 1_500;
const plan = (seed: number, minutes = 5): PlannedFault[] =>
  planFaults({ seed, totalMs: minutes * 60_000, leaseMs: LEASE_MS, workers: 3, gateways: 2 });
const endOf = ({ atMs, durationMs }: PlannedFault) => atMs + durationMs;

test('a seed plans the same faults again, another seed others', () => {
  expect(plan(1)).toEqual(plan(1));
  expect(plan(1)).not.toEqual(plan(2));
});

test('a longer run begins as the shorter one does', () => {
  const short = plan(4, 1);
  expect(plan(4, 10).slice(0, short.length - 1)).toEqual(short.slice(0, -1));
});

test('every kind of fault comes up in a long run', () => {
  expect(new Set(plan(9, 60).map(({ kind }) => kind))).toEqual(new Set(Object.keys(FAULT_WEIGHTS)));
});

test('a target has one fault at a time, and all of them are hit', () => {
  const byTarget = Map.groupBy(plan(3, 30), ({ target }) => target);
  expect([...byTarget.keys()].sort()).toEqual([
    ...['clients', 'gateway 0', 'gateway 1', 'gatewayRedis', 'redis', 'upstream'],
    ...['worker 0', 'worker 1', 'worker 2', 'workerRedis'],
  ]);
  for (const faults of byTarget.values()) {
    for (const [i, fault] of faults.entries()) {
      const before = faults[i - 1];
      expect(before === undefined || endOf(before) <= fault.atMs).toBe(true);
    }
  }
});

test('between bursts there is calm for longer than a terminal event may take, and so there is at the end', () => {
  const totalMs = 5 * 60_000;
  const faults = plan(6);
  let quietFrom = 0;
  let calms = 0;
  for (const fault of faults) {
    if (fault.atMs - quietFrom >= 6 * LEASE_MS) calms += 1;
    quietFrom = Math.max(quietFrom, endOf(fault));
  }
  expect(calms).toBeGreaterThan(5);
  expect(Math.max(...faults.map(({ atMs }) => atMs))).toBeLessThan(totalMs - 6 * LEASE_MS);
});

test('a stop lasts between 0.2 and 3 leases', () => {
  const stops = plan(8, 60).filter(({ kind }) => kind.endsWith('SIGSTOP'));
  expect(stops.length).toBeGreaterThan(20);
  expect(Math.min(...stops.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(0.2 * LEASE_MS);
  expect(Math.max(...stops.map(({ durationMs }) => durationMs))).toBeLessThanOrEqual(3 * LEASE_MS);
});
