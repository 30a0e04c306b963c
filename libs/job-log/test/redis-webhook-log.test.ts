import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createRedisSweep,
  createRedisUnqueued,
  createRedisWebhookLog,
  type WebhookLog,
} from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { cancelled, completed, newJob, runningJob, TENANT } from './suite/twin.ts';

const URL = 'https://hooks.example.com/jobs?token=secret';

let twin: RedisTwin;
let webhookLog: WebhookLog;
beforeAll(async () => {
  twin = await openRedisTwin();
  webhookLog = createRedisWebhookLog(twin);
});
afterAll(() => twin.close());
beforeEach(() => {
  const { due, claimed, unqueued, round, webhooks, webhooksClaimed } = twin.keys;
  return twin.redis.del(due, claimed, unqueued, round, webhooks, webhooksClaimed);
});

const asking = (events?: ('completed' | 'failed')[]) => ({
  spec: { prompt: 'x', webhook: { url: URL, ...(events && { events }) } },
});

async function end(jobId: string, terminal: 'completed' | 'cancelled' = 'completed'): Promise<void> {
  const bodies = [terminal === 'completed' ? completed : cancelled];
  const { code } = await twin.log.append({
    jobId,
    fence: 1,
    firstSeq: 2,
    bodies,
    hasOutput: false,
    terminal,
  });
  expect(code).toBe('ok');
}

async function endedJob(events?: ('completed' | 'failed')[]): Promise<string> {
  const { jobId } = await runningJob(twin.log, asking(events));
  await end(jobId);
  return jobId;
}

/** What is due, once something is. */
function claimSome(holdMs = 10_000) {
  return vi.waitFor(async () => {
    const claim = await webhookLog.claim(10, holdMs);
    expect(claim.jobIds).not.toEqual([]);
    return claim;
  });
}

/** The state in which whoever ended the job died before saying so: it is due for a sweeper, and its webhook is not. */
async function forgetItsEnd(jobId: string): Promise<void> {
  await vi.waitFor(async () => expect(await twin.redis.zscore(twin.keys.due, jobId)).toBeNull());
  await twin.redis.zadd(twin.keys.due, 0, jobId);
  await twin.redis.zadd(twin.keys.webhooks, Number.MAX_SAFE_INTEGER, jobId);
}

async function ended(jobId: string) {
  const webhook = await webhookLog.read(jobId);
  if (webhook?.is !== 'ended') throw new Error(`it is ${webhook?.is}`);
  return webhook;
}

describe('a webhook is due', () => {
  it('when a worker ends the job, not before', async () => {
    const { jobId } = await runningJob(twin.log, asking());
    expect((await webhookLog.claim(10, 1_000)).jobIds).toEqual([]);
    expect(await webhookLog.read(jobId)).toEqual({ is: 'waiting', url: URL });
    await end(jobId);
    expect((await claimSome()).jobIds).toEqual([jobId]);
  });

  it('when a cancel ends it in the queue', async () => {
    const { jobId } = newJob();
    await twin.log.create(newJob({ jobId, ...asking() }));
    await twin.log.cancel(TENANT, jobId, 'client');
    expect((await claimSome()).jobIds).toEqual([jobId]);
    expect(await ended(jobId)).toMatchObject({ type: 'cancelled' });
  });

  it('when a sweeper ends it, and when one finds that it has ended', async () => {
    const sweep = createRedisSweep({ redis: twin.redis, keys: twin.keys, retentionMs: 60_000 });
    const lost = newJob(asking());
    await twin.log.create(lost);
    await twin.log.begin(lost.jobId, 1, 'worker-1');
    const told = await endedJob();
    await forgetItsEnd(told);
    await twin.pass(3);
    const claim = await sweep.claim(10, 1_000);
    expect((await webhookLog.claim(10, 1_000)).jobIds).toEqual([]);
    const settled = await Promise.all(claim.jobIds.map((jobId) => sweep.settle(jobId, claim)));
    expect(settled.map(({ code }) => code).sort()).toEqual(['ended', 'terminal']);
    await sweep.reschedule(
      claim,
      claim.jobIds.map((jobId) => ({ jobId, at: undefined })),
    );
    expect((await claimSome()).jobIds.sort()).toEqual([lost.jobId, told].sort());
  });

  it('when the queue check comes across an end that nobody has told', async () => {
    const unqueued = createRedisUnqueued(twin);
    const jobId = await endedJob();
    await forgetItsEnd(jobId);
    const [found = ''] = await unqueued.nextStretch({ count: 10, paceMs: 1, roundMs: 1 });
    expect(await unqueued.look(found)).toEqual({ is: 'over' });
    expect((await claimSome()).jobIds).toEqual([jobId]);
  });

  it('never of a job that asked for none', async () => {
    const { jobId } = await runningJob(twin.log);
    await end(jobId);
    const { jobId: other } = await runningJob(twin.log, asking());
    await end(other);
    expect((await claimSome()).jobIds).toEqual([other]);
    expect(await webhookLog.read(jobId)).toBeUndefined();
    expect((await twin.log.get(TENANT, jobId))?.delivery).toBeUndefined();
  });
});

describe('delivering', () => {
  it('is for one gateway at a time, and for the next when that one does nothing', async () => {
    const jobId = await endedJob();
    const first = await claimSome(500);
    expect((await webhookLog.claim(10, 500)).jobIds).toEqual([]);
    await twin.pass(501);
    const second = await claimSome();
    expect(second.jobIds).toEqual([jobId]);
    // The one that was late changes nothing for the other.
    await webhookLog.reschedule(first, [{ jobId, at: undefined }]);
    await webhookLog.reschedule(second, [{ jobId, at: second.at + 60_000 }]);
    expect(await twin.redis.zscore(twin.keys.webhooks, jobId)).toBe(String(second.at + 60_000));
  });

  it('has an id and a type that follow from the record, and a progress that only one writes', async () => {
    const jobId = await endedJob();
    const webhook = await ended(jobId);
    const { endedAt } = webhook;
    expect(webhook).toMatchObject({ url: URL, type: 'completed', id: `evt_${jobId.slice(4)}_2` });
    const first = { state: 'pending', attempts: 0, failures: 0, since: endedAt, nextAt: endedAt };
    expect(webhook.progress).toEqual(first);
    const failed = { ...webhook.progress, attempts: 1, failures: 1, lastAt: endedAt + 5, lastStatus: 503 };
    expect(await webhookLog.write(jobId, webhook.version, failed)).toBe(true);
    expect(await webhookLog.write(jobId, webhook.version, { ...failed, state: 'failed' })).toBe(false);
    expect(await ended(jobId)).toMatchObject({ id: webhook.id, progress: failed });
    expect((await twin.log.get(TENANT, jobId))?.delivery).toEqual({
      ...{ id: webhook.id, origin: 'https://hooks.example.com', state: 'pending', attempts: 1 },
      ...{ lastAt: endedAt + 5, lastStatus: 503, nextAt: endedAt },
    });
  });

  it('is not of an ending that nobody wants to hear of', async () => {
    const jobId = await endedJob(['failed']);
    expect(await webhookLog.read(jobId)).toEqual({ is: 'skipped', url: URL });
    expect(await webhookLog.resend(TENANT, jobId)).toBeUndefined();
  });

  it('writes nothing for a job whose record is gone', async () => {
    const jobId = await endedJob();
    const { version, progress } = await ended(jobId);
    await twin.redis.del(twin.keys.record(jobId));
    expect(await webhookLog.write(jobId, version, progress)).toBe(false);
    expect(await twin.redis.exists(twin.keys.record(jobId))).toBe(0);
    expect(await webhookLog.resend(TENANT, jobId)).toBe('missing');
  });

  it('begins once more when somebody asks for it, and nobody else may', async () => {
    const jobId = await endedJob();
    const claim = await claimSome();
    const { version, progress } = await ended(jobId);
    await webhookLog.write(jobId, version, { ...progress, state: 'delivered', attempts: 4, failures: 3 });
    await webhookLog.reschedule(claim, [{ jobId, at: undefined }]);
    expect((await webhookLog.claim(10, 1_000)).jobIds).toEqual([]);
    expect(await webhookLog.resend('another', jobId)).toBe('missing');
    expect(await webhookLog.resend(TENANT, jobId)).toMatchObject({ state: 'pending', attempts: 4 });
    expect((await claimSome()).jobIds).toEqual([jobId]);
    expect((await ended(jobId)).progress).toMatchObject({ state: 'pending', attempts: 4, failures: 0 });
  });
});

it('the worker is not told of it, and whoever runs the job once more is', async () => {
  const job = newJob(asking());
  await twin.log.create(job);
  const begun = await twin.log.begin(job.jobId, 1_000, 'worker-1');
  expect('attempt' in begun && begun.attempt.spec).toEqual({ prompt: 'x' });
  expect(await twin.log.spec(TENANT, job.jobId)).toEqual(job.spec);
});
