/** What moves a gateway's counters where no request does: lost publications, outages, the sweeper, closing. */
import { createRedisSweep } from '@cc-executor/job-log';
import type { Counter, Gauge } from '@cc-executor/metrics';
import { RedisUnavailableError } from '@cc-executor/redis';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startSweeper } from '../src/chores/sweeper.ts';
import type { GatewayMetrics } from '../src/metrics.ts';
import { createRig, freshMetrics, output, type Rig, silent, takeJob, untilTrue } from './harness.ts';

const HEARTBEAT_MS = 100;

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

/** The sum of a metric's series that have these labels. */
async function total(metric: Counter<string> | Gauge<string>, labels: Record<string, string> = {}) {
  const { values } = await metric.get();
  return values
    .filter(({ labels: own }) => Object.entries(labels).every(([name, value]) => own[name] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

test('a publication that was lost counts one reread; a heartbeat that finds nothing missing counts none', async () => {
  const { feed } = await rig.gateway();
  const gateway = await rig.gateway({
    metrics,
    heartbeatMs: HEARTBEAT_MS,
    feed: { ...feed, subscribe: (jobId) => feed.subscribe(jobId, () => undefined) },
  });
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  const wire = await rig.connect(gateway);
  await wire.request('attach', { jobId });
  await wire.until(({ method, params }) => method === 'heartbeat' && params.jobs.length === 1);
  expect(await total(metrics.rereads)).toBe(0);
  await attempt.write(output('a'), output('b'));
  await wire.until(({ params }) => params?.type === 'output');
  const beats = wire.messages.length;
  await wire.until((message) => message.method === 'heartbeat' && wire.messages.indexOf(message) > beats);
  expect(await total(metrics.rereads)).toBe(1);
});

test('while positions cannot be read the gateway counts as degraded, and no longer afterwards', async () => {
  let away = false;
  const gateway = await rig.gateway({
    metrics,
    heartbeatMs: HEARTBEAT_MS,
    wrapLog: (log) => ({
      ...log,
      positions: (...args) =>
        away
          ? Promise.reject(new RedisUnavailableError('away', new Error('no connection')))
          : log.positions(...args),
    }),
  });
  const jobId = await rig.createJob();
  const wire = await rig.connect(gateway);
  await wire.request('attach', { jobId });
  expect(await total(metrics.degraded)).toBe(0);
  away = true;
  await wire.until(({ method }) => method === 'degraded');
  expect(await total(metrics.degraded)).toBe(1);
  away = false;
  await wire.until(({ method }) => method === 'restored');
  expect(await total(metrics.degraded)).toBe(0);
});

test('a job that the sweeper ends is counted once, by its status', async () => {
  const gateway = await rig.gateway({ metrics });
  const jobId = await rig.createJob();
  await takeJob(rig.log, jobId, 20);
  const sweep = createRedisSweep({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 });
  const sweeper = startSweeper({
    sweep,
    abandonWatch: gateway.abandonWatch,
    intervalMs: 20,
    leaseMs: 0,
    metrics,
    logger: silent,
  });
  await untilTrue(async () => (await sweep.size()) === 0);
  await sweeper.close();
  expect(await total(metrics.sweeperJobs, { result: 'failed' })).toBe(1);
  expect(await total(metrics.sweeperJobs)).toBe(1);
});

test('a connection that the gateway closes is counted by the reason, and the gauge returns to zero', async () => {
  const gateway = await rig.gateway({ metrics });
  const wire = await rig.connect(gateway);
  expect(await total(metrics.connections, { door: 'native' })).toBe(1);
  for (let i = 0; i < 20; i += 1) wire.send('not json');
  await untilTrue(async () => (await total(metrics.connections)) === 0);
  expect(await total(metrics.connectionsClosed, { reason: 'protocol_violation' })).toBe(1);
  expect(await total(metrics.connectionsClosed)).toBe(1);
  expect(await total(metrics.requests, { method: 'none', outcome: 'parse_error' })).toBe(20);
});

test('the lag of a live batch is measured once for all who listen on a gateway; what stood in the log is not', async () => {
  const gateway = await rig.gateway({ metrics });
  // From the first scrape on Redis's clock is known.
  await metrics.all.scrape();
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write(output('before'));
  const wires = [await rig.connect(gateway), await rig.connect(gateway)];
  for (const wire of wires) {
    await wire.request('attach', { jobId });
    await wire.until(({ params }) => params?.text === 'before');
  }
  await attempt.write(output('live'));
  for (const wire of wires) await wire.until(({ params }) => params?.text === 'live');
  const { values } = await metrics.deliveryLag.get();
  const of = (suffix: string) => values.find(({ metricName }) => metricName?.endsWith(suffix))?.value;
  expect(of('_count')).toBe(1);
  expect(of('_sum')).toBeLessThan(1);
});
