import type { ServiceReport, ServicesAnswer } from '@cc-executor/fleet';
import { anybody } from '@cc-executor/identity';
import type { JobCounts } from '@cc-executor/job-log';
import { methods } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { createOverview } from '../src/operations/overview.ts';
import { refuseBeyondScope } from '../src/operations/scopes.ts';
import type { Session } from '../src/operations/session.ts';

const MINUTE = 60_000;
const NOW = 1_000_000 * MINUTE + 5_000;
const AT = 1_000_000 * MINUTE;
const nobody = {} as Session;

function report(role: string, changes: Partial<ServiceReport> = {}): ServiceReport {
  return {
    id: `${role}-1`,
    role,
    version: '0.1.0',
    at: NOW - 1_000,
    everyMs: 5_000,
    status: 'ok',
    checks: {},
    system: { host: 'h', pid: 1, node: '24', time: NOW, memory: { freeBytes: 1, totalBytes: 2 } },
    redis: {
      address: 'r',
      ok: true,
      durability: { state: 'faulty', faults: ['appendonly is off'], unchecked: [] },
    },
    settings: {},
    ...changes,
  };
}

function overview(minutes: Awaited<ReturnType<JobCounts['minutes']>>, more: Partial<ServicesAnswer> = {}) {
  const days = [{ date: '2026-11-27', counters: day }];
  const jobCounts = { minutes: async () => minutes, days: async () => days };
  const fleet = { now: NOW, self: report('gateway'), services: [], usageLimits: [], ...more };
  return createOverview({
    jobCounts,
    services: async () => ({ queue: { waiting: 2, active: 1, oldestWaitingMs: 9_000 }, ...fleet }),
  });
}

const day = {
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`tenant:jobs:t${i}`, 1])),
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`tenant:microUsd:t${i}`, i * 1_000_000])),
  'model:microUsd:opus': 66_000_000,
  'model:output:opus': 5,
};

test('minutes are summed up in steps, endings and waits over all of them', async () => {
  const counters = { 'ended:completed:': 2, 'ended:failed:claude_auth': 1, microUsd: 250_000, 'queue:2': 3 };
  const minutes = [3, 1, 0].map((ago) => ({ at: AT - ago * MINUTE, counters }));
  const { result } = await overview(minutes)(nobody, { minutes: 120 });
  expect(methods.overview.result.parse(result)).toEqual(result);
  expect(result.stepMs).toBe(2 * MINUTE);
  expect(result.steps).toEqual([
    { at: AT - 4 * MINUTE, jobs: { completed: 2, failed: 1 }, costUsd: 0.25 },
    { at: AT - 2 * MINUTE, jobs: { completed: 2, failed: 1 }, costUsd: 0.25 },
    { at: AT, jobs: { completed: 2, failed: 1 }, costUsd: 0.25 },
  ]);
  expect(result.ended).toEqual([
    { status: 'completed', jobs: 6 },
    { status: 'failed', reason: 'claude_auth', jobs: 3 },
  ]);
  expect(result.latencies.queue?.jobs).toBe(9);
  expect(result.latencies.start).toBeUndefined();
  expect(result.queue).toEqual({ waiting: 2, active: 1, delayed: 0, oldestWaitingMs: 9_000 });
  expect(result.redis).toMatchObject({ durability: 'faulty', faults: ['appendonly is off'] });
});

test('of a day those are named that cost most, and the sum of the others is theirs', async () => {
  const [shown] = (await overview([])(nobody, {})).result.days;
  expect(shown?.tenants.map(({ name }) => name)).toEqual([
    ...[11, 10, 9, 8, 7, 6, 5, 4, 3, 2].map((i) => `t${i}`),
    'others',
  ]);
  expect(shown?.tenants.at(-1)).toEqual({ name: 'others', jobs: 2, costUsd: 1, tokens: 0 });
  expect(shown).toMatchObject({ jobs: 12, costUsd: 66, models: [{ name: 'opus', costUsd: 66, tokens: 5 }] });
});

test('services are told with what is wrong; each claude-api as it was seen last', async () => {
  const address = { address: '10.0.0.1', latencyMs: 1, version: '0.1.0', status: 'ok' };
  const load = { running: 3, paused: 1, limit: 4 };
  const seen = (one: object) => ({ url: 'http://c', addresses: [{ ...address, ...one }] });
  const services = [
    report('gateway', { connections: 7, checks: { keys: { ok: false, detail: 'no file', latencyMs: 1 } } }),
    report('worker', {
      jobs: { running: 2, waiting: 0 },
      settings: { concurrency: 4 },
      claudeApi: seen({ load, engine: 'demo' }),
    }),
    report('worker', { id: 'worker-2', at: NOW - 60_000, claudeApi: seen({ status: 'draining' }) }),
  ];
  const { result } = await overview([], { services })(nobody, {});
  expect(result.services).toMatchObject([
    { id: 'gateway-1', status: 'ok', troubles: ['keys: no file'], connections: 7 },
    { id: 'worker-1', status: 'ok', load: { running: 2, waiting: 0, limit: 4 } },
    { id: 'worker-2', status: 'silent' },
    {
      ...{ id: 'claude-api-10.0.0.1', status: 'ok', troubles: ['the demo engine: no Claude answers'] },
      load: { running: 3, waiting: 1, limit: 4 },
    },
  ]);
});

test('what Redis does not tell is unavailable, and nobody but operators may ask', async () => {
  await expect(overview([], { usageLimits: undefined })(nobody, {})).rejects.toThrow(
    expect.objectContaining({ code: 'unavailable' }),
  );
  const tenant = { ...anybody, scopes: ['write'] } as const;
  expect(() => refuseBeyondScope(tenant, 'overview', undefined)).toThrow(/admin/);
  expect(() => refuseBeyondScope(anybody, 'overview', undefined)).not.toThrow();
});
