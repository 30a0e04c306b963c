import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRedisAcceptLog, createRedisSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

it('a job whose gateway stood still before it wrote the record is in the index, though a sweeper had found no record', async () => {
  const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
  const job = newJob({ queueMs: 100 });
  const standingStill = async (...args: Parameters<typeof twin.redis.sadd>) => {
    await twin.pass(101);
    const claim = await sweep.claim(10, 60_000);
    expect(claim.jobIds).toEqual([job.jobId]);
    expect(await sweep.settle(job.jobId, claim)).toEqual({ code: 'gone' });
    await sweep.reschedule(claim, [{ jobId: job.jobId, at: undefined }]);
    return twin.redis.sadd(...args);
  };
  const redis = Object.assign(Object.create(twin.redis), { sadd: standingStill });
  await createRedisAcceptLog({ redis, keys: twin.keys, retentionMs: 60_000 }).create(job);
  for (const index of [twin.keys.due, twin.keys.unqueued]) {
    expect(await twin.redis.zscore(index, job.jobId)).not.toBeNull();
  }
});
