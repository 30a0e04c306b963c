/** What stands in the indexes of jobs when somebody dies in between, when jobs expire, and when there are many. */
import { createEpoch, createJobId, type JobStatus } from '@cc-executor/protocol';
import { createRedisWholeLog } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisSweep, createRedisWriteLog } from '../src/index.ts';
import { defineScripts } from '../src/scripts.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, newJob, runningJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

type Job = Awaited<ReturnType<typeof runningJob>>;

async function listed(tenant: string, status: JobStatus | 'unfinished'): Promise<string[]> {
  return (await twin.log.list(tenant, { status, limit: 100 })).jobs.map(({ jobId }) => jobId);
}

/** Ends a running job as its worker does, and dies before it has said so to the indexes. */
async function endAndDie(jobId: string): Promise<void> {
  const { append } = defineScripts(twin.redis, 'append');
  const { keys } = twin;
  const [code] = await append(
    [keys.record(jobId), keys.log(jobId)],
    [
      ...[keys.channel(jobId), 1, 2, 'completed', 60_000, '', '', '', 0, 1, completed],
      ...['- -', jobId, 'conversation', 'c-1'],
    ],
  );
  expect(code).toBe('ok');
}

describe('the indexes', () => {
  it('lose no job whose worker dies right after its end, and are put right by a sweeper', async () => {
    const tenant = createEpoch();
    const { jobId } = await runningJob(twin.log, { tenant });
    await endAndDie(jobId);
    const asSeen = async () => [
      await listed(tenant, 'completed'),
      await listed(tenant, 'running'),
      await listed(tenant, 'unfinished'),
    ];
    expect(await asSeen()).toEqual([[jobId], [], []]);
    expect(await twin.redis.zscore(twin.keys.live(tenant), jobId)).not.toBeNull();
    const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
    expect(await sweep.settle(jobId, { at: await twin.now() })).toEqual({ code: 'terminal' });
    expect(await asSeen()).toEqual([[jobId], [], []]);
    const { jobs } = await twin.log.list(tenant, { conversation: 'c-1', limit: 10 });
    expect(jobs).toMatchObject([{ jobId }]);
    for (const list of [twin.keys.live(tenant), twin.keys.unfinished(tenant), twin.keys.due]) {
      expect(await twin.redis.zscore(list, jobId)).toBeNull();
    }
  });

  it('have all that end in one turn of the event loop where it belongs, each counted once', async () => {
    const tenant = createEpoch();
    const log = createRedisWriteLog({ ...twin, retentionMs: 60_000, isTogether: true });
    const jobs = await Promise.all(Array.from({ length: 70 }, () => runningJob(twin.log, { tenant })));
    const end = (jobId: string, conversation?: string) =>
      log.append({
        ...{ jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false, terminal: 'completed' },
        ...(conversation !== undefined && { ending: { conversation } }),
      });
    const [first, second, third] = jobs as [Job, Job, Job];
    await Promise.all([
      ...jobs.map(({ jobId }) => end(jobId, jobId === second.jobId ? 'c-2' : undefined)),
      ...[end(first.jobId), end(third.jobId)],
    ]);
    const ids = jobs.map(({ jobId }) => jobId).sort();
    await expect.poll(async () => (await listed(tenant, 'completed')).sort()).toEqual(ids);
    expect(await listed(tenant, 'unfinished')).toEqual([]);
    await expect.poll(() => twin.redis.zcard(twin.keys.live(tenant))).toBe(0);
    const { jobs: talked } = await twin.log.list(tenant, { conversation: 'c-2', limit: 10 });
    expect(talked).toMatchObject([{ jobId: second.jobId }]);
    const day = twin.keys.day(new Date(await twin.now()).toISOString().slice(0, 10));
    expect(await twin.redis.hget(day, `tenant:jobs:${tenant}`)).toBe('70');
  });

  it('have what the sweeper ends and queues again where it belongs', async () => {
    const tenant = createEpoch();
    const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
    const settle = async (jobId: string) => (await sweep.settle(jobId, { at: await twin.now() })).code;
    const jobs = [
      newJob({ tenant }),
      newJob({ tenant, retry: 'always' }),
      newJob({ tenant, queueMs: 1 }),
      newJob({ tenant }),
    ] as const;
    for (const job of jobs) await twin.log.create(job);
    const [lost, repeated, late, cancelled] = jobs;
    for (const { jobId } of [lost, repeated, cancelled]) await twin.log.begin(jobId, 1, 'worker-1');
    await twin.log.cancel(tenant, cancelled.jobId, 'client');
    await twin.pass(5);
    for (const { jobId } of [lost, late, cancelled]) expect(await settle(jobId)).toBe('ended');
    expect(await settle(repeated.jobId)).toBe('requeued');
    expect(await listed(tenant, 'failed')).toEqual([lost.jobId]);
    expect((await twin.log.get(tenant, lost.jobId))?.job.failure).toBe('worker_lost');
    expect(await listed(tenant, 'timed_out')).toEqual([late.jobId]);
    expect(await listed(tenant, 'cancelled')).toEqual([cancelled.jobId]);
    expect(await listed(tenant, 'queued')).toEqual([repeated.jobId]);
    expect(await twin.redis.zcard(twin.keys.live(tenant))).toBe(0);
  });

  it('have no job twice that is asked for again when it has ended', async () => {
    const tenant = createEpoch();
    const job = newJob({ tenant });
    await twin.log.create(job);
    await twin.log.cancel(tenant, job.jobId, 'client');
    await twin.log.create({ ...job, epoch: createEpoch() });
    expect(await listed(tenant, 'unfinished')).toEqual([]);
    expect(await listed(tenant, 'cancelled')).toEqual([job.jobId]);
    await expect.poll(() => twin.redis.zcard(twin.keys.unfinished(tenant))).toBe(0);
  });

  it('keep nothing of a job that has expired, its text least of all', async () => {
    const tenant = createEpoch();
    const log = createRedisWholeLog({ redis: twin.redis, keys: twin.keys, retentionMs: 1 });
    const sweep = createRedisSweep({ ...twin, retentionMs: 60_000 });
    const spec = { prompt: 'x', metadata: { customer: '7', a: 1 } };
    const job = newJob({ tenant, spec, title: 'a secret' });
    await log.create(job);
    await log.begin(job.jobId, 60_000, 'worker-1');
    const end = { jobId: job.jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false };
    await log.append({ ...end, terminal: 'completed', ending: { conversation: 'c-1' } });
    await twin.pass(1_100);
    expect((await log.list(tenant, { limit: 10 })).jobs).toEqual([]);
    expect(await sweep.prune()).toBe(1);
    const left = await twin.server.admin.keys(`${twin.keyPrefix}*${tenant}*`);
    expect(left).toEqual([]);
    expect(await twin.redis.sismember(twin.keys.tenants, tenant)).toBe(0);
  });

  it('are walked in bounded steps: a page may be empty, and its cursor leads on', async () => {
    const tenant = createEpoch();
    const job = newJob({ tenant, title: 'the needle' });
    await twin.log.create(job);
    const pipeline = twin.server.admin.pipeline();
    const later = (await twin.now()) + 1_000;
    // Jobs of which no record is read.
    for (let i = 0; i < 115; i += 1) {
      const hay = Array.from({ length: 1_000 }, (_, n) => [later + i * 1_000 + n, `${createJobId()} hay`]);
      pipeline.zadd(twin.keys.texts(tenant), ...hay.flat());
    }
    await pipeline.exec();
    const first = await twin.log.list(tenant, { text: 'needle', limit: 10 });
    expect(first.jobs).toEqual([]);
    expect(first.cursor).toBeDefined();
    const second = await twin.log.list(tenant, { text: 'needle', limit: 10, cursor: first.cursor });
    expect(second).toMatchObject({ jobs: [{ jobId: job.jobId }], cursor: undefined });
  });
});
