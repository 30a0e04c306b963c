/** What only the Redis job log can do: keep for a time, outlive restarts, be away. */
import { createJobId } from '@cc-executor/protocol';
import { RedisFaultError, RedisUnavailableError } from '@cc-executor/redis';
import { createRedisWholeLog, needs } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, listen, newJob, output, readAll, runningJob, TENANT } from './suite/twin.ts';

const RETENTION_MS = 60_000;

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin({ retentionMs: RETENTION_MS, appendonly: true, appendfsync: 'always' });
});
afterAll(() => twin.close());

const finish = (jobId: string, firstSeq = 2) =>
  twin.log.append({
    jobId,
    fence: 1,
    firstSeq,
    bodies: [completed],
    hasOutput: false,
    terminal: 'completed',
  });

async function timeToLive(jobId: string): Promise<number[]> {
  const { keys, redis } = twin;
  return [await redis.pttl(keys.record(jobId)), await redis.pttl(keys.log(jobId))];
}

describe('retention', () => {
  it('begins with the end of a job, for its record and its log alike', async () => {
    const ended = await runningJob(twin.log);
    expect(await timeToLive(ended.jobId)).toEqual([-1, -1]);
    await finish(ended.jobId);
    const cancelled = newJob();
    await twin.log.create(cancelled);
    await twin.log.cancel(TENANT, cancelled.jobId, 'client');
    for (const { jobId } of [ended, cancelled]) {
      for (const ttl of await timeToLive(jobId)) {
        expect(ttl).toBeGreaterThan(RETENTION_MS - 10_000);
        expect(ttl).toBeLessThanOrEqual(RETENTION_MS);
      }
    }
  });

  it('keeps of a record what can be asked for, not what was about running the job', async () => {
    const ended = await runningJob(twin.log);
    const batch = { jobId: ended.jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true };
    await twin.log.append(batch);
    const before = await twin.log.get(TENANT, ended.jobId);
    expect(await twin.redis.hkeys(twin.keys.record(ended.jobId))).toContain('owner');
    await finish(ended.jobId, 3);
    const cancelled = newJob();
    await twin.log.create(cancelled);
    await twin.log.cancel(TENANT, cancelled.jobId, 'client');
    for (const { jobId } of [ended, cancelled]) {
      const kept = await twin.redis.hkeys(twin.keys.record(jobId));
      for (const field of ['owner', 'late', 'endBy', 'retry', 'totalMs', 'maxAttempts', 'output']) {
        expect(kept).not.toContain(field);
      }
    }
    const after = await twin.log.get(TENANT, ended.jobId);
    expect(after?.job).toMatchObject({
      startedAt: before?.job.startedAt,
      deadlineAt: before?.job.deadlineAt,
    });
  });

  it('leaves a job that has ended out of the index of what is due, also when it is asked for once more', async () => {
    const job = newJob();
    await twin.log.create(job);
    await twin.log.cancel(TENANT, job.jobId, 'client');
    const again = { ...job, epoch: newJob().epoch };
    expect(await twin.log.create(again)).toMatchObject({ created: false, status: 'cancelled' });
    await expect.poll(() => twin.redis.zscore(twin.keys.due, job.jobId)).toBeNull();
  });

  it('leaves nothing of a job but what the index of jobs and the sweeper take out', async () => {
    const log = createRedisWholeLog({ redis: twin.redis, keys: twin.keys, retentionMs: 1 });
    const { jobId } = await runningJob(log);
    await log.append({
      jobId,
      fence: 1,
      firstSeq: 2,
      bodies: [output('x'), completed],
      kept: [{ seq: 2, bytes: 4, sha256: 'x', pages: ['ab', 'cd'] }],
      hasOutput: false,
      terminal: 'completed',
    });
    await twin.pass(5);
    await twin.server.assertNoKeys(`{${jobId}}`);
    expect(await log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 10, maxBytes: 1_000 })).toBeUndefined();
    expect(await log.get(TENANT, jobId)).toBeUndefined();
    expect(await log.body(TENANT, jobId, { seq: 2, offset: 0 })).toBeUndefined();
    const { jobs } = await log.list('tenant', { limit: 100 });
    expect(jobs.map((job) => job.jobId)).not.toContain(jobId);
  });

  it('of an idempotency key is longer than any job can live', async () => {
    const tenant = createJobId();
    await twin.log.reserve(tenant, 'key', createJobId(), 'hash');
    const [key = ''] = await twin.server.admin.keys(`*${tenant}*`);
    expect(await twin.server.admin.pttl(key)).toBeGreaterThan(RETENTION_MS + 48 * 60 * 60_000 - 10_000);
    expect(key).not.toContain(':key');
  });
});

describe('a batch of more than a megabyte', () => {
  it('is published without its events, which stand in the log', async () => {
    const { jobId, epoch } = await runningJob(twin.log);
    const listener = await listen(twin.feed, jobId);
    const bodies = Array.from({ length: 3 }, () => output('x'.repeat(400_000)));
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies, hasOutput: true });
    await twin.log.append({ jobId, fence: 1, firstSeq: 5, bodies: bodies.slice(1), hasOutput: true });
    await listener.until(({ length }) => length === 2);
    const [large, small] = listener.publications;
    expect(large).toEqual({ epoch, lastSeq: 4, status: 'running' });
    expect(small).toMatchObject({ lastSeq: 6, batch: { firstSeq: 5, lastSeq: 6 } });
    expect(await readAll(twin.log, jobId)).toHaveLength(6);
    listener.unsubscribe();
  });
});

describe('Redis', () => {
  it('may forget the scripts', async () => {
    const { jobId } = await runningJob(twin.log);
    await twin.server.admin.script('FLUSH');
    const batches = await Promise.all(
      [2, 3, 4].map((firstSeq) =>
        twin.log.append({ jobId, fence: 1, firstSeq, bodies: [output('x')], hasOutput: true }),
      ),
    );
    expect(batches.map(({ code }) => code)).toEqual(['ok', 'ok', 'ok']);
  });

  it('may be killed and come back: a write waits, is done once, and nothing is lost', async (context) => {
    await needs('persistence')(context);
    const { jobId } = await runningJob(twin.log);
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [output('before')], hasOutput: true });
    const before = await readAll(twin.log, jobId);
    await twin.server.kill();
    const written = twin.log.append({
      jobId,
      fence: 1,
      firstSeq: 3,
      bodies: [output('after')],
      hasOutput: true,
    });
    await twin.server.start();
    expect(['ok', 'duplicate']).toContain((await written).code);
    const events = await readAll(twin.log, jobId);
    expect(events.slice(0, 2)).toEqual(before);
    expect(events).toHaveLength(3);
  });

  it('that is away is told as such to whoever does not want to wait', async () => {
    const redis = twin.connect('impatient');
    const log = createRedisWholeLog({ redis, keys: twin.keys, retentionMs: RETENTION_MS });
    const { jobId } = await runningJob(twin.log);
    redis.disconnect();
    const calls: Promise<unknown>[] = [
      log.reserve('tenant', 'key', jobId, 'hash'),
      log.create(newJob()),
      log.begin(jobId, 1_000, 'worker-1'),
      log.append({ jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false }),
      log.renew(jobId, 1, 1_000),
      log.release(jobId, 1, true),
      log.cancel(TENANT, jobId, 'client'),
      log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 10, maxBytes: 1_000 }),
      log.positions(TENANT, [jobId]),
      log.get(TENANT, jobId),
      createRedisSweep({ redis, keys: twin.keys, retentionMs: RETENTION_MS }).countListeners(jobId),
      log.list('tenant', { limit: 1 }),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(RedisUnavailableError);
  });
});

describe('the keys of a job', () => {
  it('have one prefix and one hash tag, and nothing is written beside them', async () => {
    const { jobId } = await runningJob(twin.log);
    const { keys } = twin;
    for (const key of [keys.record(jobId), keys.log(jobId), keys.channel(jobId)])
      expect(/\{(.*?)\}/.exec(key)?.[1]).toBe(jobId);
    const found = await twin.server.admin.keys(`*${jobId}*`);
    expect(found.sort()).toEqual([keys.log(jobId), keys.record(jobId)]);
  });
});

describe('a user who may not publish', () => {
  it('appends nothing, so that what comes later stands at its place', async (context) => {
    await needs('users')(context);
    const { jobId } = await runningJob(twin.log);
    await twin.server.admin.acl('SETUSER', 'writer', 'on', '>pw', '+@all', '~*', 'resetchannels');
    const redis = twin.connect('patient', 'writer:pw@');
    const log = createRedisWholeLog({ redis, keys: twin.keys, retentionMs: RETENTION_MS });
    const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output('a'), output('b')], hasOutput: true };
    await expect(log.append(batch)).rejects.toThrow(/executing the script .*channel/);
    await expect(log.create(newJob({ jobId: 'job_unpublished' }))).rejects.toThrow(RedisFaultError);
    const before = await readAll(twin.log, jobId);
    expect(before).toHaveLength(1);
    expect(await twin.redis.exists(twin.keys.log('job_unpublished'))).toBe(0);

    await twin.server.admin.acl('SETUSER', 'writer', 'allchannels');
    expect(await log.append(batch)).toMatchObject({ code: 'ok', lastSeq: 3 });
    const seqs = (await readAll(twin.log, jobId)).map((event) => JSON.parse(event).seq);
    expect(seqs).toEqual([1, 2, 3]);
  });
});
