/** What a Redis that is at its `maxmemory` takes: what ends jobs, and what is wished of them. Nothing that makes more. */
import { RedisUnavailableError } from '@cc-executor/redis';
import { needs } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, createRedisSweep, type JobSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, listen, newJob, output, parseEvents, readAll, runningJob, TENANT } from './suite/twin.ts';

let twin: RedisTwin;
let sweep: JobSweep;
beforeAll(async () => {
  twin = await openRedisTwin();
  sweep = createRedisSweep({ redis: twin.redis, keys: twin.keys, retentionMs: 60_000 });
});
afterAll(() => twin.close());

async function setFull(isFull: boolean): Promise<void> {
  await twin.server.admin.config('SET', 'maxmemory', isFull ? '1' : '0');
}

async function expectFull(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => 'it was taken',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RedisUnavailableError);
  expect(error).toMatchObject({ reason: 'memory_full', message: expect.stringMatching(/^Redis is full/) });
}

function endOf(jobId: string, firstSeq: number): Batch {
  return { jobId, fence: 1, firstSeq, bodies: [completed], hasOutput: false, terminal: 'completed' };
}

async function lastEventOf(jobId: string) {
  return parseEvents(await readAll(twin.log, jobId)).at(-1);
}

describe('a full Redis', () => {
  beforeEach(needs('settings'));
  afterEach(async () => {
    if (twin.server.kind === 'redis') await setFull(false);
  });

  it('takes the end of a running job from its worker, publishes it, and lets it be read', async () => {
    const { jobId } = await runningJob(twin.log);
    const listener = await listen(twin.feed, jobId);
    await setFull(true);
    const finish = () => twin.log.append(endOf(jobId, 2));
    expect([(await finish()).code, (await finish()).code]).toEqual(['ok', 'duplicate']);
    await listener.until(({ length }) => length === 1);
    expect(listener.publications[0]).toMatchObject({ status: 'completed', lastSeq: 2 });
    expect(await lastEventOf(jobId)).toMatchObject({ type: 'completed', seq: 2 });
    expect((await twin.log.get(TENANT, jobId))?.job.status).toBe('completed');
    listener.unsubscribe();
  });

  it('refuses output, and takes the end after what stands in the log', async () => {
    const { jobId } = await runningJob(twin.log);
    const batch = (firstSeq: number) => ({
      jobId,
      fence: 1,
      firstSeq,
      bodies: [output('x')],
      hasOutput: true,
    });
    await twin.log.append(batch(2));
    await setFull(true);
    await expectFull(twin.log.append(batch(3)));
    // What it had taken before it was full is acknowledged.
    expect((await twin.log.append(batch(2))).code).toBe('duplicate');
    expect((await twin.log.append(endOf(jobId, 3))).code).toBe('ok');
    const seqs = parseEvents(await readAll(twin.log, jobId)).map(({ seq, type }) => [seq, type]);
    expect(seqs).toEqual([
      [1, 'queued'],
      [2, 'output'],
      [3, 'completed'],
    ]);
  });

  it('takes what an attempt says between its output: that it is paused, that it goes on', async () => {
    const { jobId } = await runningJob(twin.log);
    await setFull(true);
    const bodies = [JSON.stringify({ type: 'paused', limitMs: 5_000 })];
    const pause = { code: 'paused', limitMs: 5_000 } as const;
    const paused = await twin.log.append({
      jobId,
      fence: 1,
      firstSeq: 2,
      bodies,
      hasOutput: false,
      change: pause,
    });
    expect(paused.code).toBe('ok');
    expect((await twin.log.get(TENANT, jobId))?.job.pausedAt).toBeGreaterThan(0);
  });

  it('takes cancels: a queued job ends, and the worker of a running one hears of it', async () => {
    const queued = newJob();
    await twin.log.create(queued);
    const running = await runningJob(twin.log);
    await setFull(true);
    expect((await twin.log.cancel(TENANT, queued.jobId, 'client')).code).toBe('cancelled');
    expect(await lastEventOf(queued.jobId)).toMatchObject({ type: 'cancelled', seq: 2 });
    expect((await twin.log.cancel(TENANT, running.jobId, 'client')).code).toBe('requested');
    const renewed = await twin.log.renew(running.jobId, 1, 5_000);
    expect(renewed).toMatchObject({ code: 'ok', cancelBy: 'client' });
  });

  it('takes the wish to pause, and what an attempt hands back', async () => {
    const { jobId } = await runningJob(twin.log);
    await setFull(true);
    expect((await twin.log.setPauseWish(TENANT, jobId, true)).code).toBe('recorded');
    expect((await twin.log.renew(jobId, 1, 5_000)).pauseWish).toBe(true);
    expect((await twin.log.setPauseWish(TENANT, jobId, false)).code).toBe('recorded');
    expect(await twin.log.release(jobId, 1, true)).toBe('ok');
    expect((await twin.log.get(TENANT, jobId))?.job.status).toBe('queued');
    expect((await sweep.claim(1_000, 1)).jobIds).toContain(jobId);
  });

  it('lets sweepers end what no worker will', async () => {
    const late = newJob({ queueMs: 1 });
    await twin.log.create(late);
    const lost = newJob();
    await twin.log.create(lost);
    await twin.log.begin(lost.jobId, 1, 'worker-1');
    await twin.pass(3);
    await setFull(true);
    const claim = await sweep.claim(1_000, 60_000);
    expect(claim.jobIds).toEqual(expect.arrayContaining([late.jobId, lost.jobId]));
    const size = await sweep.size();
    for (const { jobId } of [late, lost]) expect((await sweep.settle(jobId, claim)).code).toBe('ended');
    await sweep.reschedule(
      claim,
      [late, lost].map(({ jobId }) => ({ jobId, at: undefined })),
    );
    expect(await sweep.size()).toBe(size - 2);
    expect(await lastEventOf(late.jobId)).toMatchObject({ type: 'timed_out', limit: 'queue' });
    expect(await lastEventOf(lost.jobId)).toMatchObject({ type: 'failed', error: { code: 'worker_lost' } });
  });

  it('refuses new jobs and new attempts', async () => {
    const queued = newJob();
    await twin.log.create(queued);
    await setFull(true);
    await expectFull(twin.log.reserve(TENANT, 'key', newJob().jobId, 'hash'));
    await expectFull(twin.log.create(newJob()));
    await expectFull(twin.log.begin(queued.jobId, 1_000, 'worker-1'));
    await setFull(false);
    expect((await twin.log.begin(queued.jobId, 1_000, 'worker-1')).code).toBe('begun');
  });

  it('knows no script at first: those that it takes can be loaded all the same', async () => {
    const { jobId } = await runningJob(twin.log);
    await twin.server.admin.script('FLUSH');
    await setFull(true);
    expect((await twin.log.renew(jobId, 1, 5_000)).code).toBe('ok');
  });
});

it('a terminal event at the place of another one is no duplicate of it', async () => {
  const { jobId } = await runningJob(twin.log);
  await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true });
  expect(await twin.log.append(endOf(jobId, 2))).toMatchObject({ code: 'gap', lastSeq: 2 });
  expect((await twin.log.append(endOf(jobId, 3))).code).toBe('ok');
  expect((await twin.log.append(endOf(jobId, 3))).code).toBe('duplicate');
});
