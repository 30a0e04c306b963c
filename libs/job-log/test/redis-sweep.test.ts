import { createEpoch, createJobId, eventSchema, type JobEvent } from '@cc-executor/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisSweep, type JobSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { cancelled, completed, listen, newJob, output, readAll, runningJob, TENANT } from './suite/twin.ts';

let twin: RedisTwin;
let sweep: JobSweep;
beforeAll(async () => {
  twin = await openRedisTwin();
  sweep = createRedisSweep({ redis: twin.redis, keys: twin.keys, retentionMs: 60_000 });
});
afterAll(() => twin.close());
beforeEach(() => twin.redis.del(twin.keys.due, twin.keys.claimed, twin.keys.unqueued));

/** Decides about a job as if it had been claimed now. */
async function settle(jobId: string) {
  return sweep.settle(jobId, { at: await twin.now() });
}

const ended = (status: string, lostAttempt?: number) => ({
  ...{ code: 'ended', status, tenant: TENANT },
  ...(lostAttempt !== undefined && { lostAttempt }),
});

async function dueAt(jobId: string): Promise<number | undefined> {
  const score = await twin.redis.zscore(twin.keys.due, jobId);
  return score === null ? undefined : Number(score);
}

/** A job whose only attempt stopped renewing its lease. */
async function abandonedJob(changes: Parameters<typeof newJob>[0] = {}, withOutput = false) {
  const job = newJob(changes);
  await twin.log.create(job);
  await twin.log.begin(job.jobId, 1, 'worker-1');
  const { jobId } = job;
  if (withOutput)
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true });
  await twin.pass(3);
  return job;
}

/** As the protocol has it: scripts write such events by hand. */
async function lastEvent(jobId: string): Promise<JobEvent> {
  const events = await readAll(twin.log, jobId);
  return eventSchema.parse(JSON.parse(events.at(-1) ?? ''));
}

describe('claiming', () => {
  it('gives each due job to one sweeper, and again when nothing is done with it', async () => {
    const jobs = await Promise.all(Array.from({ length: 10 }, () => runningJob(twin.log)));
    const ids = jobs.map(({ jobId }) => jobId).sort();
    expect((await sweep.claim(100, 10)).jobIds).toEqual([]);
    for (const jobId of ids) await twin.redis.zadd(twin.keys.due, 1, jobId);
    const claims = await Promise.all([sweep.claim(4, 100), sweep.claim(100, 100), sweep.claim(100, 100)]);
    expect(claims.map(({ jobIds }) => jobIds.length)).toEqual([4, 6, 0]);
    expect(claims.flatMap(({ jobIds }) => jobIds).sort()).toEqual(ids);
    await twin.pass(101);
    const again = await sweep.claim(100, 1_000);
    expect(again.jobIds.sort()).toEqual(ids);
    expect(Math.abs(again.at - (await twin.now()))).toBeLessThan(1_000);
  });

  it('finds a queued job at its deadline, and a running one no later than its lease lapses', async () => {
    const job = newJob();
    await twin.log.create(job);
    expect(await dueAt(job.jobId)).toBe((await twin.log.get(TENANT, job.jobId))?.job.deadlineAt);
    const created = await dueAt(job.jobId);
    await twin.log.create(job);
    expect(await dueAt(job.jobId)).toBe(created);
    await twin.log.begin(job.jobId, 100, 'worker-1');
    expect(await dueAt(job.jobId)).toBeLessThanOrEqual((await twin.now()) + 100);
  });

  it('finds a job at once that was handed back', async () => {
    const { jobId } = await runningJob(twin.log);
    await twin.log.release(jobId, 1, true);
    expect((await sweep.claim(10, 1_000)).jobIds).toEqual([jobId]);
  });
});

describe('deciding', () => {
  it('leaves alone what waits in time, and says until when', async () => {
    const job = newJob({ spec: { prompt: 'x', priority: 4, onDisconnect: 'cancel' } });
    await twin.log.create(job);
    const deadline = (await twin.log.get(TENANT, job.jobId))?.job.deadlineAt;
    expect(await settle(job.jobId)).toEqual({
      code: 'queued',
      nextAt: deadline,
      priority: 4,
      tenant: TENANT,
      mayBeAbandoned: true,
    });
  });

  it('leaves alone what a worker has, and says until when its lease goes', async () => {
    const { jobId } = await runningJob(twin.log);
    const settled = await settle(jobId);
    expect(settled.code).toBe('alive');
    const lease = Number(await twin.redis.hget(twin.keys.record(jobId), 'lease'));
    expect(settled).toEqual({
      code: 'alive',
      nextAt: lease,
      priority: 0,
      tenant: TENANT,
      mayBeAbandoned: false,
    });
  });

  it('ends what waited too long as timed_out', async () => {
    const { jobId } = newJob();
    await twin.log.create(newJob({ jobId, queueMs: 1 }));
    await twin.pass(3);
    expect(await settle(jobId)).toEqual(ended('timed_out'));
    expect(await lastEvent(jobId)).toMatchObject({
      seq: 2,
      type: 'timed_out',
      limit: 'queue',
      partial: false,
    });
  });

  it.each([false, true])(
    'ends an abandoned job as worker_lost, with its output kept (%s), and fences the attempt off',
    async (withOutput) => {
      const { jobId } = await abandonedJob({}, withOutput);
      const listener = await listen(twin.feed, jobId);
      expect(await settle(jobId)).toEqual(ended('failed', 1));
      const seq = withOutput ? 3 : 2;
      expect(await lastEvent(jobId)).toMatchObject({
        seq,
        attempt: 2,
        type: 'failed',
        error: { code: 'worker_lost', retrySafe: false },
        partial: withOutput,
      });
      await listener.until(({ length }) => length === 1);
      expect(listener.publications).toMatchObject([
        { lastSeq: seq, status: 'failed', batch: { firstSeq: seq } },
      ]);
      listener.unsubscribe();
      const late = { jobId, fence: 1, firstSeq: seq, bodies: [completed], hasOutput: false };
      expect(await twin.log.append({ ...late, terminal: 'completed' })).toMatchObject({ code: 'fenced' });
      expect(await twin.log.renew(jobId, 1, 1_000)).toMatchObject({ code: 'terminal' });
      expect(await twin.redis.pttl(twin.keys.record(jobId))).toBeGreaterThan(0);
      expect(await twin.redis.pttl(twin.keys.log(jobId))).toBeGreaterThan(0);
      expect(await settle(jobId)).toEqual({ code: 'terminal' });
    },
  );

  it('ends an abandoned job that was cancelled as cancelled, by whom it was', async () => {
    const { jobId } = await abandonedJob();
    await twin.log.cancel(TENANT, jobId, 'disconnect');
    expect(await settle(jobId)).toEqual(ended('cancelled', 1));
    expect(await lastEvent(jobId)).toMatchObject({ type: 'cancelled', by: 'disconnect', partial: false });
  });

  it('queues an abandoned job again that may be repeated, and fences the attempt off', async () => {
    const { jobId } = await abandonedJob({ retry: 'always' }, true);
    const settled = await settle(jobId);
    expect(settled).toEqual({
      code: 'requeued',
      nextAt: (await twin.log.get(TENANT, jobId))?.job.deadlineAt,
      priority: 0,
      tenant: TENANT,
      mayBeAbandoned: false,
      lostAttempt: 1,
    });
    expect(
      await twin.log.append({ jobId, fence: 1, firstSeq: 3, bodies: [cancelled], hasOutput: false }),
    ).toMatchObject({ code: 'fenced' });
    const again = await twin.log.begin(jobId, 1_000, 'worker-1');
    expect(again).toMatchObject({ code: 'begun', attempt: { lastSeq: 2, hasOutput: true } });
  });

  it.each([
    [undefined, 3],
    [1, 1],
    [5, 5],
  ])(
    'queues it again until it was begun as often as it may be (%s): then it has failed',
    async (maxAttempts, begins) => {
      const spec = { prompt: 'x', ...(maxAttempts === undefined ? {} : { maxAttempts }) };
      const { jobId } = await abandonedJob({ retry: 'always', spec });
      for (let attempt = 2; attempt <= begins; attempt += 1) {
        expect((await settle(jobId)).code).toBe('requeued');
        const begun = await twin.log.begin(jobId, 1, `worker-${attempt}`);
        expect(begun).toMatchObject({ code: 'begun', attempt: { attempts: attempt } });
        await twin.pass(3);
      }
      // Each time that it was queued again has taken a number, too.
      const lostAttempt = 2 * begins - 1;
      expect(await settle(jobId)).toEqual(ended('failed', lostAttempt));
      expect(await lastEvent(jobId)).toMatchObject({
        error: {
          code: 'attempts_exhausted',
          message: `the worker stopped answering, at the last of ${begins} attempts`,
          retrySafe: false,
        },
      });
    },
  );

  it('counts the attempts from then on that an older gateway accepted, and bounds them alike', async () => {
    const { jobId } = await abandonedJob({ retry: 'always' });
    const { deadlineAt = 0 } = (await twin.log.get(TENANT, jobId))?.job ?? {};
    await twin.redis.hdel(twin.keys.record(jobId), 'attempts', 'maxAttempts', 'endBy');
    const requeued = await settle(jobId);
    expect(requeued).toMatchObject({ code: 'requeued' });
    expect('nextAt' in requeued && requeued.nextAt).toBeGreaterThan(deadlineAt);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const begun = await twin.log.begin(jobId, 1, `worker-${attempt}`);
      expect(begun).toMatchObject({ code: 'begun', attempt: { attempts: attempt, remainingMs: 60_000 } });
      await twin.pass(3);
      expect((await settle(jobId)).code).toBe(attempt < 3 ? 'requeued' : 'ended');
    }
  });

  it('lets a job wait again no longer than until all its time is over, and then names that limit', async () => {
    const { jobId } = await abandonedJob({ retry: 'always', queueMs: 500, totalMs: 500 });
    const { createdAt = 0 } = (await twin.log.get(TENANT, jobId))?.job ?? {};
    expect(await settle(jobId)).toMatchObject({ code: 'requeued', nextAt: createdAt + 1_000 });
    await twin.pass(1_000);
    expect(await settle(jobId)).toEqual(ended('timed_out'));
    expect(await lastEvent(jobId)).toMatchObject({ type: 'timed_out', limit: 'total' });
  });

  it('does not count against a job the time of the pause in which it was lost', async () => {
    const { jobId } = await runningJob(twin.log, { retry: 'always', queueMs: 500, totalMs: 500 });
    const body = JSON.stringify({ type: 'paused', limitMs: 60_000 });
    const change = { code: 'paused', limitMs: 60_000 } as const;
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: false, change });
    await twin.redis.hset(twin.keys.record(jobId), 'lease', 0);
    await twin.pass(100);
    const { createdAt = 0 } = (await twin.log.get(TENANT, jobId))?.job ?? {};
    const settled = await settle(jobId);
    expect('nextAt' in settled && settled.nextAt).toBeGreaterThanOrEqual(createdAt + 1_100);
  });

  it('ends a job whose worker renews but does not keep the deadline, after a slack', async () => {
    const { jobId } = await runningJob(twin.log);
    const record = twin.keys.record(jobId);
    await twin.redis.hset(record, 'deadline', (await twin.now()) - 1);
    expect(await settle(jobId)).toMatchObject({ code: 'alive' });
    await twin.redis.hset(record, 'deadline', (await twin.now()) - 60_000);
    expect(await settle(jobId)).toEqual(ended('timed_out', 1));
    expect(await lastEvent(jobId)).toMatchObject({ type: 'timed_out', limit: 'total' });
  });

  it('ends a job as timed_out that was paused for too long, by the limit of the pause', async () => {
    const { jobId } = await runningJob(twin.log, { totalMs: 1 });
    const body = JSON.stringify({ type: 'paused', limitMs: 60_000 });
    const pause = { code: 'paused', limitMs: 60_000 } as const;
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: false, change: pause });
    await twin.pass(3);
    // Its own deadline has passed, but stands still.
    expect(await settle(jobId)).toMatchObject({ code: 'alive' });
    await twin.redis.hset(twin.keys.record(jobId), 'deadline', (await twin.now()) - 60_000);
    expect(await settle(jobId)).toEqual(ended('timed_out', 1));
    expect(await lastEvent(jobId)).toMatchObject({ type: 'timed_out', limit: 'paused' });
  });

  it('queues a paused job again without its pause, and with the wish', async () => {
    const { jobId } = await abandonedJob({ retry: 'always', totalMs: 60_000 });
    await twin.log.setPauseWish(TENANT, jobId, true);
    const body = JSON.stringify({ type: 'paused', limitMs: 5_000 });
    const pause = { code: 'paused', limitMs: 5_000 } as const;
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: false, change: pause });
    expect(await settle(jobId)).toMatchObject({ code: 'requeued' });
    expect((await twin.log.get(TENANT, jobId))?.job.pausedAt).toBeUndefined();
    expect(await twin.log.begin(jobId, 1_000, 'worker-2')).toMatchObject({
      attempt: { pauseWish: true, remainingMs: 60_000 },
    });
  });

  it('does nothing on an old claim, and nothing to a job that is not there', async () => {
    const { jobId } = await abandonedJob();
    const old = { at: (await twin.now()) - 10_000 };
    expect(await sweep.settle(jobId, old)).toEqual({ code: 'stale' });
    expect((await twin.log.get(TENANT, jobId))?.job.status).toBe('running');
    expect(await settle(createJobId())).toEqual({ code: 'gone' });
  });

  it('by many at once ends a job once', async () => {
    const { jobId } = await abandonedJob();
    const settled = await Promise.all(Array.from({ length: 10 }, () => settle(jobId)));
    expect(settled.map(({ code }) => code).sort()).toEqual(['ended', ...Array(9).fill('terminal')]);
    expect(await readAll(twin.log, jobId)).toHaveLength(2);
  });
});

describe('the index of what is due', () => {
  /** Claims the one job that is due. */
  async function claimOne(jobId: string, holdMs = 60_000) {
    await twin.redis.zadd(twin.keys.due, 0, jobId);
    const claim = await sweep.claim(1, holdMs);
    expect(claim.jobIds).toEqual([jobId]);
    return claim;
  }
  const isClaimed = async (jobId: string) => (await twin.redis.zscore(twin.keys.claimed, jobId)) !== null;

  it('is put right when a claim ends, and keeps what has become due earlier meanwhile', async () => {
    const job = newJob();
    await twin.log.create(job);
    const { jobId } = job;
    await sweep.reschedule(await claimOne(jobId), [{ jobId, at: 5 }]);
    expect(await dueAt(jobId)).toBe(5);
    const claim = await claimOne(jobId);
    // A worker takes it, between the sweeper's look and what the sweeper makes of it.
    await twin.log.begin(jobId, 1_000, 'worker-1');
    const lapses = await dueAt(jobId);
    expect(lapses).toBeLessThanOrEqual((await twin.now()) + 1_000);
    await sweep.reschedule(claim, [{ jobId, at: (await twin.now()) + 600_000 }]);
    expect(await dueAt(jobId)).toBe(lapses);
    expect(await isClaimed(jobId)).toBe(false);
  });

  it.each([false, true])(
    'lets go of a job with its terminal event, also while a sweeper looks at it (%s)',
    async (isLookedAt) => {
      const [finished, unwanted] = [await runningJob(twin.log), newJob()];
      await twin.log.create(unwanted);
      const jobs = [finished, unwanted];
      const claims: Awaited<ReturnType<typeof claimOne>>[] = [];
      if (isLookedAt) for (const { jobId } of jobs) claims.push(await claimOne(jobId));
      await twin.log.append({
        ...{ jobId: finished.jobId, fence: 1, firstSeq: 2, hasOutput: false },
        ...{ bodies: [completed], terminal: 'completed' },
      });
      await twin.log.cancel(TENANT, unwanted.jobId, 'client');
      for (const claim of claims) await sweep.reschedule(claim, [{ jobId: claim.jobIds[0] ?? '', at: 5 }]);
      expect(await sweep.size()).toBe(0);
    },
  );

  it('lets go of a job whose queue entry was taken after its end', async () => {
    const { jobId } = newJob();
    await twin.log.create(newJob({ jobId }));
    await twin.log.cancel(TENANT, jobId, 'client');
    expect((await twin.log.begin(jobId, 1_000, 'worker-1')).code).toBe('terminal');
    expect(await twin.log.begin(createJobId(), 1_000, 'worker-1')).toEqual({ code: 'missing' });
    expect(await sweep.size()).toBe(0);
  });

  it('belongs to the last sweeper that claimed a job', async () => {
    const { jobId } = await runningJob(twin.log);
    const late = await claimOne(jobId, 1);
    await twin.pass(3);
    const claim = await sweep.claim(1, 60_000);
    await sweep.reschedule(late, [{ jobId, at: 5 }]);
    expect([await dueAt(jobId), await isClaimed(jobId)]).toEqual([undefined, true]);
    await sweep.reschedule(claim, [{ jobId, at: undefined }]);
    expect([await dueAt(jobId), await isClaimed(jobId)]).toEqual([undefined, false]);
  });
});

describe('pruning', () => {
  const longAgo = async () => String((await twin.now()) - 3 * 24 * 60 * 60_000);

  it('takes out of the list of every tenant what expired long ago, and nothing else', async () => {
    const jobs = ['a', 'b'].map((name) => newJob({ tenant: createEpoch() + name }));
    for (const job of jobs) {
      await twin.log.create(job);
      await twin.redis.zadd(twin.keys.jobs(job.tenant), await longAgo(), createJobId());
    }
    expect(await sweep.prune()).toBe(2);
    for (const { tenant, jobId } of jobs) {
      expect(await twin.redis.zrange(twin.keys.jobs(tenant), '0', '-1')).toEqual([jobId]);
    }
  });

  it('leaves in the list what is older but still there: running, or not expired', async () => {
    const job = newJob({ tenant: createEpoch() });
    await twin.log.create(job);
    const list = twin.keys.jobs(job.tenant);
    await twin.redis.zadd(list, await longAgo(), job.jobId);
    const score = await longAgo();
    await twin.redis.zadd(list, ...Array.from({ length: 600 }, () => [score, createJobId()]).flat());
    expect(await sweep.prune()).toBe(600);
    expect(await twin.redis.zrange(list, '0', '-1')).toEqual([job.jobId]);
  });

  it('forgets a tenant whose list is empty, until it has a job again', async () => {
    const tenant = createEpoch();
    const job = newJob({ tenant });
    await twin.log.create(job);
    await twin.redis.zadd(twin.keys.jobs(tenant), await longAgo(), job.jobId);
    await twin.redis.del(twin.keys.record(job.jobId));
    expect(await sweep.prune()).toBe(1);
    expect(await twin.redis.sismember(twin.keys.tenants, tenant)).toBe(0);
    await twin.log.create(newJob({ tenant }));
    expect(await sweep.prune()).toBe(0);
    expect(await twin.redis.sismember(twin.keys.tenants, tenant)).toBe(1);
  });
});
