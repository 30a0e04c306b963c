/**
 * Redis was away, and is back: many listeners of two gateways have their last events soon. Heartbeats, which would find
 * them at last, are further away than the test waits.
 */
import { sleep } from '@cc-executor/runtime';
import { describeViolations, needs } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';

const CLIENTS = 12;
const JOBS = 60;
const ROUNDS = 3;
const SOON_MS = 3_000;

let faults: FaultStack;
afterEach(() => faults?.close());

test('after Redis was away for a second, everybody has their last events within three', async (context) => {
  await needs('persistence')(context);
  const env = { GATEWAY_HEARTBEAT_MS: '60000', WORKER_CONCURRENCY: String(JOBS / 2) };
  faults = await startFaultStack({ gateways: 2, workers: 2, appendonly: true, direct: true, env });
  const { redis, recorder, upstream } = faults;
  for (let round = 0; round < ROUNDS; round += 1) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => faults.client(i % 2)));
    const calls = upstream.calls().length;
    const jobs = await Promise.all(
      Array.from({ length: JOBS }, async (_, i) => {
        const client = clients[i % CLIENTS] as (typeof clients)[number];
        // They end one after another: before, while and after Redis is away.
        const { prompt } = faults.plan({ chunks: 20, paceMs: 25 + 2 * i });
        return { client, jobId: await client.execute({ prompt }) };
      }),
    );
    await upstream.untilCalls(calls + JOBS);
    const over = recorder.fault('Redis killed and started again');
    await redis.kill();
    await sleep(1_000);
    await redis.start();
    over();
    await Promise.all(jobs.map(({ client, jobId }) => client.terminal(jobId)));
  }
  const { violations } = await faults.check({ terminalMs: SOON_MS });
  expect(describeViolations(violations)).toBe('');
});
