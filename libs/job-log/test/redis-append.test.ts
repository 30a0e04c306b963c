/** Batches of several jobs that are appended in one turn of the event loop. */
import { createEpoch } from '@cc-executor/protocol';
import { needs } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisWriteLog, type WriteLog } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, runningJob } from './suite/twin.ts';

let twin: RedisTwin;
let log: WriteLog;
beforeAll(async () => {
  twin = await openRedisTwin();
  log = createRedisWriteLog({ ...twin, retentionMs: 60_000, isTogether: true });
});
afterAll(() => twin.close());

const output = (text: string) => JSON.stringify({ type: 'output', text });

async function running(count: number) {
  const tenant = createEpoch();
  const jobs = await Promise.all(Array.from({ length: count }, () => runningJob(twin.log, { tenant })));
  return jobs.map(({ jobId }) => {
    const batch = { jobId, fence: 1, firstSeq: 2, hasOutput: true, bodies: [output(jobId)] };
    const bodies = async () => {
      const page = await twin.log.range(tenant, jobId, { afterSeq: 1, maxEvents: 10, maxBytes: 100_000 });
      return page?.batches.map((one) => String(one.bodies));
    };
    return { jobId, batch, bodies };
  });
}

describe('appends of one turn', () => {
  it('are each of their own job, and each is answered by itself', async () => {
    const [first, fenced, behind, last] = (await running(4)) as [Job, Job, Job, Job];
    await twin.log.cancel(await tenantOf(last.jobId), last.jobId, 'client');
    const replies = await Promise.all([
      log.append(first.batch),
      log.append({ ...fenced.batch, fence: 7 }),
      log.append({ ...behind.batch, firstSeq: 5 }),
      log.append(last.batch),
    ]);
    expect(replies.map(({ code }) => code)).toEqual(['ok', 'fenced', 'gap', 'ok']);
    expect(replies.map(({ cancelBy }) => cancelBy)).toEqual([undefined, undefined, undefined, 'client']);
    expect(await first.bodies()).toEqual([output(first.jobId)]);
    expect(await last.bodies()).toEqual([output(last.jobId)]);
    expect(await fenced.bodies()).toEqual([]);
  });

  it('are one call of a script, and those with the ends of jobs another', async (context) => {
    await needs('statistics')(context);
    const jobs = await running(6);
    await twin.redis.config('RESETSTAT');
    await Promise.all(jobs.map(({ batch }) => log.append(batch)));
    const end = { firstSeq: 3, hasOutput: false, bodies: [completed], terminal: 'completed' as const };
    const ended = await Promise.all(jobs.map(({ batch }) => log.append({ ...batch, ...end })));
    expect(ended.map(({ code }) => code)).toEqual(jobs.map(() => 'ok'));
    const stats = String(await twin.redis.info('commandstats'));
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, count]) => Number(count));
    // One that files the ends, and the first of each is sent a second time, with its text.
    expect(calls.reduce((sum, count) => sum + count, 0)).toBeLessThan(jobs.length + 2);
  });

  it('fail for no other job when one of them cannot be written', async () => {
    const [good, bad, behind] = (await running(3)) as [Job, Job, Job];
    await twin.redis.del(twin.keys.log(bad.jobId));
    await twin.redis.set(twin.keys.log(bad.jobId), 'no log');
    const replies = await Promise.allSettled([good, bad, behind].map(({ batch }) => log.append(batch)));
    expect(replies.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    for (const { bodies, jobId } of [good, behind]) expect(await bodies()).toEqual([output(jobId)]);
  });
});

type Job = Awaited<ReturnType<typeof running>>[number];

async function tenantOf(jobId: string): Promise<string> {
  return (await twin.redis.hget(twin.keys.record(jobId), 'tenant')) ?? '';
}
