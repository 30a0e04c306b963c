/** What the sweeper and the queue check do for jobs that wait for a usage limit to be lifted. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRedisSweep, createRedisUnqueued, type JobSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob, parseEvents, readAll, TENANT, throttled } from './suite/twin.ts';

let twin: RedisTwin;
let sweep: JobSweep;
beforeAll(async () => {
  twin = await openRedisTwin();
  sweep = createRedisSweep({ redis: twin.redis, keys: twin.keys, retentionMs: 60_000 });
});
afterAll(() => twin.close());

/** A job whose worker has met a limit, and not yet given it back. */
async function limitedJob({ leaseMs = 10_000 } = {}) {
  const job = newJob({ queueMs: 60_000 });
  const { jobId, queueMs } = job;
  await twin.log.create(job);
  await twin.log.begin(jobId, leaseMs, 'worker-1');
  const notBefore = (await twin.now()) + 30_000;
  const batch = { jobId, fence: 1, firstSeq: 2, bodies: [throttled], hasOutput: false };
  await twin.log.append({ ...batch, change: { code: 'limited', notBefore } });
  const createdAt = (await twin.log.get(TENANT, jobId))?.job.createdAt ?? 0;
  return { jobId, notBefore, takeBy: createdAt + queueMs };
}

const settle = async (jobId: string) => sweep.settle(jobId, { at: await twin.now() });

it('a job whose worker dies between meeting the limit and giving the job back is queued until the reset', async () => {
  const { jobId, notBefore, takeBy } = await limitedJob({ leaseMs: 1 });
  await twin.pass(3);
  expect(await settle(jobId)).toMatchObject({ code: 'requeued', nextAt: takeBy });
  expect((await twin.log.get(TENANT, jobId))?.job).toMatchObject({ status: 'queued', notBefore });
  expect(await createRedisUnqueued(twin).look(jobId)).toMatchObject({ is: 'queued', notBefore });
  expect(await twin.log.release(jobId, 1, false)).toBe('fenced');
});

it('a cancel that came before wins', async () => {
  const { jobId } = await limitedJob({ leaseMs: 1 });
  await twin.log.cancel(TENANT, jobId, 'client');
  await twin.pass(3);
  expect(await settle(jobId)).toEqual({ code: 'ended', status: 'cancelled', tenant: TENANT, lostAttempt: 1 });
});

it('a job that waits is ended at its queue limit', async () => {
  const { jobId, takeBy } = await limitedJob();
  expect(await twin.log.release(jobId, 1, false)).toBe('ok');
  expect(await settle(jobId)).toMatchObject({ code: 'queued', nextAt: takeBy });
  await twin.redis.hset(twin.keys.record(jobId), 'deadline', await twin.now());
  expect(await settle(jobId)).toEqual({ code: 'ended', status: 'timed_out', tenant: TENANT });
  const events = parseEvents(await readAll(twin.log, jobId));
  expect(events.at(-1)).toMatchObject({ type: 'timed_out', limit: 'queue', partial: false });
});
