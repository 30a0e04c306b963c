/** That each ended job counts once, whoever ends it and whoever says so, and that counters are bounded. */
import { createEpoch } from '@cc-executor/protocol';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { MAX_COUNTERS } from '../src/calendar.ts';
import { createRedisCounts, createRedisSweep, sumOf } from '../src/index.ts';
import { createJobIndex } from '../src/redis-index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob, runningJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
beforeEach(() => twin.server.admin.flushdb());
afterAll(() => twin.close());

const completed = JSON.stringify({
  type: 'completed',
  evidence: 'result-line',
  costUsd: 0.5,
  usage: { input_tokens: 7 },
  timings: { queueMs: 20 },
});

async function counts() {
  const now = await twin.now();
  const reader = createRedisCounts(twin);
  const [minutes, days] = await Promise.all([reader.minutes(now, 3), reader.days(now, 2)]);
  return { minute: sumOf(minutes.map((one) => one.counters)), day: sumOf(days.map((one) => one.counters)) };
}

async function endJob(tenant: string): Promise<string> {
  const { jobId } = await runningJob(twin.log, { tenant });
  const batch = { jobId, fence: 1, firstSeq: 2, bodies: [completed] };
  const ended = { ...batch, hasOutput: false, terminal: 'completed', ageMs: 1_000 } as const;
  expect((await twin.log.append(ended)).code).toBe('ok');
  expect((await twin.log.append(ended)).code).toBe('duplicate');
  return jobId;
}

it('a job that its worker ends counts once, also when that is said again, by it and by others', async () => {
  const tenant = createEpoch();
  const jobId = await endJob(tenant);
  await twin.log.cancel(tenant, jobId, 'client');
  await createRedisSweep(twin).settle(jobId, { at: await twin.now() });
  const { minute, day } = await counts();
  expect(minute).toEqual({ 'ended:completed:': 1, microUsd: 500_000, 'queue:2': 1, 'duration:14': 1 });
  expect(day).toEqual({
    [`tenant:jobs:${tenant}`]: 1,
    [`tenant:microUsd:${tenant}`]: 500_000,
    [`tenant:tokens:${tenant}`]: 7,
    'model:microUsd:': 500_000,
    'model:input:': 7,
  });
});

it('a job that a cancel or a sweeper ends counts with its reason', async () => {
  const tenant = createEpoch();
  const [cancelled, late] = [newJob({ tenant }), newJob({ tenant, queueMs: 1 })];
  for (const job of [cancelled, late]) await twin.log.create(job);
  await twin.log.cancel(tenant, cancelled.jobId, 'operator');
  const lost = newJob({ tenant });
  await twin.log.create(lost);
  await twin.log.begin(lost.jobId, 1, 'worker-1');
  await twin.pass(5);
  for (const { jobId } of [late, lost]) await createRedisSweep(twin).settle(jobId, { at: await twin.now() });
  const ended = async () =>
    Object.fromEntries(Object.entries((await counts()).minute).filter(([name]) => name.startsWith('ended')));
  await expect.poll(ended).toEqual({
    'ended:cancelled:operator': 1,
    'ended:timed_out:queue': 1,
    'ended:failed:worker_lost': 1,
  });
});

it('counters are gone after their time, and nobody can make more names than there may be', async () => {
  const tenant = createEpoch();
  const { redis, keys } = twin;
  const index = createJobIndex(twin);
  const at = await twin.now();
  const day = keys.day(new Date(at).toISOString().slice(0, 10));
  const filler = Array.from({ length: MAX_COUNTERS - 3 }, (_, i) => [`model:input:m${i}`, '1']).flat();
  await redis.hset(day, ...filler);
  for (const name of ['first', 'second']) {
    const job = newJob({ tenant });
    await twin.log.create(job);
    const body = JSON.stringify({ type: 'completed', models: { [name]: model } });
    await index.ended(tenant, job.jobId, 'completed', { body, at });
  }
  expect(await redis.hget(day, 'model:input:second')).toBeNull();
  expect(await redis.hget(day, 'model:input:others')).toBe('1');
  expect(await redis.hlen(day)).toBeLessThan(MAX_COUNTERS + 20);
  expect(await redis.pttl(day)).toBeGreaterThan(30 * 24 * 3_600_000);
  const [minute] = await createRedisCounts(twin).minutes(at, 1);
  expect(await redis.pttl(keys.minute(minute?.at ?? 0))).toBeLessThan(26 * 3_600_000);
});

const model = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 1, cacheCreationTokens: 1, costUsd: 1 };
