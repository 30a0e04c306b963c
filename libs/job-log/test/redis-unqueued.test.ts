import { createJobId } from '@cc-executor/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisUnqueued, type Unqueued } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob, runningJob, TENANT } from './suite/twin.ts';

let twin: RedisTwin;
let unqueued: Unqueued;
beforeAll(async () => {
  twin = await openRedisTwin();
  unqueued = createRedisUnqueued(twin);
});
afterAll(() => twin.close());
beforeEach(() => twin.redis.del(twin.keys.due, twin.keys.unqueued, twin.keys.round));

async function queuedJob(changes: Parameters<typeof newJob>[0] = {}): Promise<string> {
  const job = newJob(changes);
  await twin.log.create(job);
  return job.jobId;
}

/** The job's entry is to be looked for now. */
async function makeDue(jobId: string): Promise<void> {
  await twin.redis.zadd(twin.keys.unqueued, 'XX', 0, jobId);
}

describe('a job whose queue entry nobody has confirmed', () => {
  it('is given to one gateway after a while, and to another one later', async () => {
    const jobId = await queuedJob();
    expect((await unqueued.claim(10, 1)).jobIds).toEqual([]);
    const lookAt = Number(await twin.redis.zscore(twin.keys.unqueued, jobId));
    expect(lookAt - (await twin.now())).toBeGreaterThan(1_000);
    await makeDue(jobId);
    const claims = await Promise.all([unqueued.claim(10, 100), unqueued.claim(10, 100)]);
    expect(claims.map(({ jobIds }) => jobIds)).toEqual([[jobId], []]);
    await twin.pass(101);
    expect((await unqueued.claim(10, 100)).jobIds).toEqual([jobId]);
  });

  it('is not looked for once it was confirmed, by whoever enqueued it or whoever looked', async () => {
    const [enqueued, found] = [await queuedJob(), await queuedJob()];
    await twin.log.enqueued(enqueued);
    await unqueued.confirm([found]);
    await unqueued.lookAgain([enqueued, found], 0);
    expect((await unqueued.claim(10, 100)).jobIds).toEqual([]);
  });

  it('is looked for at once when it was handed back', async () => {
    const { jobId } = await runningJob(twin.log);
    await unqueued.confirm([jobId]);
    await twin.log.release(jobId, 1, true);
    expect((await unqueued.claim(10, 100)).jobIds).toEqual([jobId]);
  });
});

describe('a round', () => {
  const pace = { count: 100, paceMs: 0, roundMs: 60_000 };

  it('comes to every unfinished job once, and begins again when its time has passed', async () => {
    const jobIds = Array.from({ length: 1_000 }, createJobId).sort();
    await twin.redis.zadd(twin.keys.due, ...jobIds.flatMap((jobId) => [1, jobId]));
    const seen: string[] = [];
    let stretches = 0;
    for (let stretch = ['']; stretch.length > 0; stretches += 1) {
      stretch = await unqueued.nextStretch(pace);
      // Redis may give a little more than it was asked for.
      expect(stretch.length).toBeLessThan(200);
      seen.push(...stretch);
    }
    expect([...new Set(seen)].sort()).toEqual(jobIds);
    expect(stretches).toBeGreaterThan(5);
    await twin.redis.hset(twin.keys.round, 'nextAt', 0);
    expect((await unqueued.nextStretch(pace)).length).toBeGreaterThan(0);
  });

  it('is shared by all gateways, and so is its pace', async () => {
    const jobIds = Array.from({ length: 1_000 }, createJobId);
    await twin.redis.zadd(twin.keys.due, ...jobIds.flatMap((jobId) => [1, jobId]));
    const slow = { ...pace, paceMs: 60_000 };
    const stretches = await Promise.all(Array.from({ length: 5 }, () => unqueued.nextStretch(slow)));
    expect(stretches.filter(({ length }) => length > 0)).toHaveLength(1);
  });
});

it('says what of a record matters to its queue entry', async () => {
  const spec = { prompt: 'x', priority: 7, onDisconnect: 'cancel' } as const;
  const jobId = await queuedJob({ spec });
  expect(await unqueued.look(jobId)).toEqual({
    ...{ is: 'queued', priority: 7, notBefore: 0, hasBegun: false, tenant: TENANT, mayBeAbandoned: true },
  });
  await twin.log.begin(jobId, 1_000, 'worker-1');
  expect(await unqueued.look(jobId)).toEqual({ is: 'running' });
  await twin.log.release(jobId, 1, true);
  expect(await unqueued.look(jobId)).toMatchObject({ is: 'queued', hasBegun: true });
  await twin.log.cancel(TENANT, jobId, 'client');
  expect(await unqueued.look(jobId)).toEqual({ is: 'over' });
  expect(await unqueued.look(createJobId())).toEqual({ is: 'over' });
});
