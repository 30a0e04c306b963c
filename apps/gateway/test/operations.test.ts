/** What holds for every operation, whichever door it is asked for by: counting, draining, errors. */
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { GatewayMetrics } from '../src/metrics.ts';
import { createRig, freshMetrics, type Rig, type TestGateway, untilTrue } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let metrics: GatewayMetrics;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  metrics = freshMetrics();
});
afterEach(() => rig.close());

/** 'door method outcome' of every request that was counted, with its number. */
async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.requests.get();
  return Object.fromEntries(
    values.map(({ labels, value }) => [`${labels.door} ${labels.method} ${labels.outcome}`, value]),
  );
}

async function openBoth(gateway: TestGateway) {
  return Promise.all([rig.connect(gateway), rig.dialect(gateway)]);
}

test('a request is counted by its operation and outcome at every door', async () => {
  const [native, dialect] = await openBoth(await rig.gateway({ metrics }));
  await native.request('execute', { prompt: 'x', attach: false });
  await native.request('get', { jobId: `job_${'0'.repeat(32)}` });
  await native.request('fly');
  await dialect.request('execute', { command: 'x' });
  await dialect.request('control', { type: 'PAUSE' });
  await dialect.request('fly');
  expect(await counted()).toEqual({
    'native execute ok': 1,
    'native get job_not_found': 1,
    'native none unknown_method': 1,
    'dialect execute ok': 1,
    'dialect pause ok': 1,
    'dialect none unknown_method': 1,
  });
  const { values } = await metrics.jobsAccepted.get();
  expect(values.map(({ value }) => value)).toEqual([2]);
});

test('a gateway that drains accepts no job at any door, and does everything else', async () => {
  const gateway = await rig.gateway({ metrics, drainGraceMs: 60_000 });
  const [native, dialect] = await openBoth(gateway);
  void gateway.close();
  await native.until(({ method }) => method === 'goaway');
  const [refused, refusedToo, listed] = await Promise.all([
    native.request('execute', { prompt: 'x' }),
    dialect.request('execute', { command: 'x' }),
    native.request('list'),
  ]);
  expect(refused.error.data).toMatchObject({ code: 'draining', retryable: true });
  expect(refusedToo.error.message).toBe('The gateway is shutting down: connect again');
  expect(listed.result.jobs).toEqual([]);
  expect(await counted()).toMatchObject({ 'native execute draining': 1, 'dialect execute draining': 1 });
  await Promise.all([native.close(), dialect.close()]);
});

test('a fault of Redis is `unavailable` at every door', async () => {
  const gateway = await rig.gateway({ metrics });
  const [native, dialect] = await openBoth(gateway);
  gateway.redis.disconnect();
  await untilTrue(() => gateway.redis.status === 'end');
  const { error } = await native.request('execute', { prompt: 'x' });
  expect(error.data).toEqual({ code: 'unavailable', retryable: true, retryAfterMs: 1_000 });
  const refused = await dialect.request('execute', { command: 'x' });
  expect(refused.error.message).toBe('The gateway cannot do this now; try again');
  expect(await counted()).toMatchObject({
    'native execute unavailable': 1,
    'dialect execute unavailable': 1,
  });
});
