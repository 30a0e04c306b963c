import { noLine } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AcceptLog, createRedisAcceptLog, createRedisSweep, createRedisUnqueued } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

it.each([
  ['its gateway stood still', 100],
  ['another gateway had died of accepting it', 60_000],
])('a job is in the indexes though a sweeper had found no record, because %s', async (_why, queueMs) => {
  const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
  const job = newJob({ queueMs });
  const { jobId } = job;
  const dies = interrupt(() => Promise.reject(new Error('died')));
  if (queueMs > 100) {
    await expect(dies.create({ ...job, queueMs: 100 })).rejects.toThrow('died');
  }
  // Between the indexes and the record.
  const swept = interrupt(async () => {
    await twin.pass(101);
    const claim = await sweep.claim(10, 60_000);
    expect(claim.jobIds).toContain(jobId);
    expect(await sweep.settle(jobId, claim)).toEqual({ code: 'gone' });
    await sweep.reschedule(claim, [{ jobId, at: undefined }]);
    await createRedisUnqueued(twin).confirm([jobId]);
  });
  expect(await swept.create(job)).toMatchObject({ created: true });
  for (const index of [twin.keys.due, twin.keys.unqueued]) {
    expect(await twin.redis.zscore(index, jobId)).not.toBeNull();
  }
});

/** The accept log of a gateway to which something happens when the job is in the indexes, and has no record yet. */
function interrupt(happens: () => Promise<void>): AcceptLog {
  const commands = twin.redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const redis = Object.create(twin.redis);
  redis.defineCommand = (name: string, definition: { lua: string }) => {
    twin.redis.defineCommand(name, definition);
    redis[name] = async (...args: unknown[]) => {
      if (name === 'jobLog:create') await happens();
      return commands[name]?.call(twin.redis, ...args);
    };
  };
  return createRedisAcceptLog({
    redis,
    keys: twin.keys,
    retentionMs: 60_000,
    lineOf: noLine,
    isOneServer: false,
  });
}

it('a job that is there is put into no index again', async () => {
  const job = newJob();
  expect(await twin.log.create(job)).toMatchObject({ created: true });
  const indexes = [twin.keys.due, twin.keys.unqueued];
  for (const index of indexes) await twin.redis.zrem(index, job.jobId);
  for (const epoch of [job.epoch, 'another']) await twin.log.create({ ...job, epoch });
  for (const index of indexes) expect(await twin.redis.zscore(index, job.jobId)).toBeNull();
});

it('a job that was created while a sweeper looked at it, and found no record, stays in the index', async () => {
  const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
  const { jobId } = newJob();
  await twin.redis.zadd(twin.keys.due, 1, jobId);
  const claim = await sweep.claim(10, 60_000);
  expect(claim.jobIds).toContain(jobId);
  expect(await sweep.settle(jobId, claim)).toEqual({ code: 'gone' });
  await twin.log.create(newJob({ jobId }));
  await sweep.reschedule(claim, [{ jobId, at: undefined }]);
  expect(await twin.redis.zscore(twin.keys.due, jobId)).not.toBeNull();
});
