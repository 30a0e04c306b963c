/** A usage limit of the subscription, as Claude Code tells it: jobs wait for its reset, across restarts of whoever may. */

import type { Job } from '@cc-executor/protocol';
import {
  connectWire,
  needs,
  recordingScript,
  type ScriptedUpstream,
  type Stack,
  startScriptedUpstream,
  startStack,
  startTestRedis,
  type TestRedis,
} from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RESTLESS } from './support/leftovers.ts';

const JOBS = 5;

let stack: Stack;
let upstream: ScriptedUpstream;
let redis: TestRedis;
beforeEach(async () => {
  upstream = await startScriptedUpstream(recordingScript('ok'));
  redis = await startTestRedis({ appendonly: true, appendfsync: 'always' });
  stack = await startStack({
    redis,
    env: { ...RESTLESS, WORKER_CONCURRENCY: '2' },
    upstream: { url: upstream.url },
  });
});
afterEach(async () => {
  await stack.close();
  await upstream.close();
  await redis.close();
});

/** What Claude Code said when a subscription was used up, with another time of the reset (Unix time in s). */
function usedUpUntil(seconds: number) {
  const { steps } = recordingScript('usage-limit', { complete: { status: 'error', exit_code: 1 } });
  return {
    steps: steps.map((step) =>
      'line' in step && typeof step.line === 'string'
        ? { line: step.line.replace('"resetsAt":1795500000', `"resetsAt":${seconds}`) }
        : step,
    ),
  };
}

async function ask(path: string, gateway = 0): Promise<string> {
  const base = stack.url(gateway).replace('ws', 'http').replace('/ws', '');
  return (await fetch(`${base}${path}`)).text();
}

async function metric(gateway = 0): Promise<number> {
  const body = await ask('/metrics', gateway);
  return Number(/^cc_executor_usage_limit_reset_timestamp_seconds\{model=""\} (\S+)$/m.exec(body)?.[1]);
}

test('five queued jobs behind a limit: none starts before its reset, all complete after, across a SIGKILL of worker, gateway and Redis', async (context) => {
  await needs('persistence')(context);
  const seconds = Math.ceil(Date.now() / 1_000) + 20;
  const resetsAt = seconds * 1_000;
  const calledAt: number[] = [];
  upstream.use(() => {
    calledAt.push(Date.now());
    return Date.now() < resetsAt ? usedUpUntil(seconds) : recordingScript('ok');
  });
  let wire = await connectWire(stack.url());
  const first = (await wire.request('execute', { prompt: 'the first' })).result.jobId;
  await wire.until(({ params }) => params?.jobId === first && params.type === 'throttled');
  const jobIds = [first];
  while (jobIds.length < JOBS)
    jobIds.push((await wire.request('execute', { prompt: 'another' })).result.jobId);
  for (const jobId of jobIds) {
    await wire.until(({ params }) => params?.jobId === jobId && params.type === 'throttled');
    expect(wire.events(jobId).at(-1)).toMatchObject({ untilMs: resetsAt, resetsAt, limit: 'five_hour' });
  }
  await expect.poll(async () => await redis.admin.zcard('{cce:queue}:early')).toBe(JOBS);
  const { jobs } = (await wire.request('list', { status: 'queued' })).result as { jobs: Job[] };
  expect(jobs.map(({ notBefore }) => notBefore)).toEqual(jobIds.map(() => resetsAt));
  expect(await metric()).toBe(seconds);
  expect(JSON.parse(await ask('/services')).usageLimits).toEqual([{ resetsAt, limit: 'five_hour' }]);

  await wire.close();
  for (const service of [stack.workers[0], stack.gateways[0]]) {
    service?.kill('SIGKILL');
    await service?.exited;
  }
  await redis.kill();
  await redis.start();
  await Promise.all([stack.startGateway(), stack.startWorker()]);
  wire = await connectWire(stack.url(1));
  const ends = await Promise.all(
    jobIds.map(async (jobId) => {
      await wire.request('attach', { jobId });
      return wire.untilTerminal(jobId);
    }),
  );
  expect(ends.map((events) => events.at(-1)?.type)).toEqual(jobIds.map(() => 'completed'));
  const [refused, ...served] = calledAt;
  expect(refused).toBeLessThan(resetsAt);
  expect(served).toHaveLength(JOBS);
  expect(Math.min(...served)).toBeGreaterThanOrEqual(resetsAt);
  expect(await metric(1)).toBe(0);
  await wire.close();
});

test('a job that waits is cancelled at once; one that has not the time fails with the time of the reset', async () => {
  upstream.use(usedUpUntil(Math.ceil(Date.now() / 1_000) + 600));
  const wire = await connectWire(stack.url());
  const cancelled = (await wire.request('execute', { prompt: 'cancel me' })).result.jobId;
  await wire.until(({ params }) => params?.jobId === cancelled && params.type === 'throttled');
  await expect
    .poll(async () => (await wire.request('get', { jobId: cancelled })).result.status)
    .toBe('queued');
  expect((await wire.request('cancel', { jobId: cancelled })).result).toMatchObject({ status: 'cancelled' });
  expect((await wire.untilTerminal(cancelled)).at(-1)).toMatchObject({ type: 'cancelled', by: 'client' });

  const short = { prompt: 'no time', timeouts: { queueMs: 60_000 } };
  const refused = (await wire.request('execute', short)).result.jobId;
  expect((await wire.untilTerminal(refused)).at(-1)).toMatchObject({
    type: 'failed',
    error: { code: 'claude_usage_limit', retrySafe: true, resetsAt: expect.any(Number) },
  });
  expect(upstream.calls).toHaveLength(1);
  await wire.close();
});
