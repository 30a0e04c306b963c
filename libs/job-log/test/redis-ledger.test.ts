/** What jobs are charged with: held exactly, whoever asks at once, and settled once, whichever step ends the job. */
import { randomUUID } from 'node:crypto';
import type { TerminalStatus } from '@cc-executor/protocol';
import { needs, noLine } from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Charge,
  createRedisAcceptLog,
  createRedisLedger,
  createRedisSweep,
  type NewJob,
  QuotaExceededError,
  type Spent,
} from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, newJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

/** A job and the accounts of its own that it is charged on: it is one of three, and may cost 2 of 5 USD. */
function charged(changes: Partial<NewJob> = {}) {
  const tenant = randomUUID();
  const charges: Charge[] = [
    { account: `${tenant} jobs`, amount: 1, limit: 3, settledBy: 'held' },
    { account: `${tenant} usd 2026-11-27`, amount: 2_000_000, limit: 5_000_000, settledBy: 'usd' },
    { account: `${tenant} tokens 2026-11`, amount: 1, limit: 900, settledBy: 'tokens' },
  ];
  const job = newJob({ tenant, charges, ...changes });
  return { job, taken: () => createRedisLedger(twin).taken(charges.map(({ account }) => account)) };
}

async function begin({ jobId }: NewJob): Promise<number> {
  const begun = await twin.log.begin(jobId, 100, 'worker');
  if (!('attempt' in begun)) throw new Error(begun.code);
  return begun.attempt.fence;
}

async function end(job: NewJob, fence: number, spent: Spent = {}, terminal: TerminalStatus = 'completed') {
  const { jobId } = job;
  const batch = { jobId, fence, firstSeq: 2, bodies: [completed], hasOutput: false, terminal, spent };
  return (await twin.log.append(batch)).code;
}

const again = (job: NewJob): NewJob => ({
  ...job,
  ...newJob({ tenant: job.tenant }),
  charges: job.charges ?? [],
});

it('charges as many as there is room for, and tells the others which account is full', async () => {
  const { job, taken } = charged();
  const jobs = Array.from({ length: 10 }, () => ({ ...again(job), charges: job.charges!.slice(0, 1) }));
  const outcomes = await Promise.allSettled(jobs.map((one) => twin.log.create(one)));
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(refused).toHaveLength(7);
  for (const error of refused) {
    expect(error).toBeInstanceOf(QuotaExceededError);
    expect(error).toMatchObject({ charge: { account: `${job.tenant} jobs` }, taken: 3 });
  }
  expect((await taken())[0]).toBe(3);
  // What was refused left nothing behind.
  expect((await twin.log.list(job.tenant, { limit: 100 })).jobs).toHaveLength(3);
  expect(await twin.redis.zcard(twin.keys.unfinished(job.tenant))).toBe(3);
});

it('charges nothing of a job for which one account of several has no room', async () => {
  const { job, taken } = charged();
  await twin.log.create(job);
  await twin.log.create(again(job));
  await expect(twin.log.create(again(job))).rejects.toMatchObject({
    charge: { account: `${job.tenant} usd 2026-11-27` },
    taken: 4_000_000,
  });
  expect(await taken()).toEqual([2, 4_000_000, 2]);
});

it('charges and settles a job once, however often its steps are repeated', async () => {
  const { job, taken } = charged();
  for (const _ of [1, 2, 3]) await twin.log.create(job);
  expect(await taken()).toEqual([1, 2_000_000, 1]);
  const fence = await begin(job);
  for (const _ of [1, 2, 3]) await end(job, fence, { usd: 0.123456, tokens: 321 });
  expect(await taken()).toEqual([0, 123_456, 321]);
  await twin.log.create(job);
  expect(await taken()).toEqual([0, 123_456, 321]);
});

describe('settles', () => {
  const claim = { at: 0, heldUntil: 0, jobIds: [] };
  const settleLater = async ({ jobId }: NewJob) => {
    const sweep = createRedisSweep(twin);
    await twin.pass(150);
    return sweep.settle(jobId, { ...claim, at: await twin.now() });
  };
  const ways: Record<string, [(job: NewJob) => Promise<unknown>, budgets: number[]]> = {
    'an end whose cost nobody knows as it was reserved': [
      async (job) => end(job, await begin(job)),
      [2_000_000, 1],
    ],
    'a cost above what was reserved as it is': [
      async (job) => end(job, await begin(job), { usd: 7, tokens: 5 }),
      [7_000_000, 5],
    ],
    'a cancel of a job that waits as nothing': [
      ({ tenant, jobId }) => twin.log.cancel(tenant, jobId, 'client'),
      [0, 0],
    ],
    'a job that nobody took in time as nothing': [settleLater, [0, 0]],
    'a job whose worker was lost as it was reserved': [
      async (job) => {
        await begin(job);
        expect(await settleLater(job)).toMatchObject({ code: 'ended', status: 'failed' });
      },
      [2_000_000, 1],
    ],
  };

  it.each(Object.entries(ways))('%s', async (_what, [way, budgets]) => {
    const { job, taken } = charged({ queueMs: 140 });
    await twin.log.create(job);
    await way(job);
    // In the same step: who hears of the end finds room.
    expect(await taken()).toEqual([0, ...budgets]);
  });
});

describe.each(['one server', 'a cluster'])('output, on %s,', (where) => {
  const isCluster = where === 'a cluster';
  const RETENTION_MS = 1_000;
  let opening: Promise<RedisTwin> | undefined;
  let own: RedisTwin;
  if (isCluster) beforeEach(needs('cluster'));
  beforeEach(async () => {
    opening ??= openRedisTwin({ cluster: isCluster, retentionMs: RETENTION_MS });
    own = await opening;
  });
  afterAll(async () => (await opening)?.close());

  function kept(limit: number) {
    const tenant = randomUUID();
    const accounts = [`${tenant} output`, `/${tenant} output`];
    const charges = accounts.map((account) => ({ account, amount: 1, limit, settledBy: 'kept' as const }));
    const job = () => newJob({ tenant, charges });
    return { job, taken: () => createRedisLedger(own).taken(accounts) };
  }

  /** Writes so much output, in two batches of which one is sent twice; returns what the log has of it. */
  async function write({ jobId }: NewJob, bytes: number, leaseMs = 10_000): Promise<number> {
    const begun = await own.log.begin(jobId, leaseMs, 'worker');
    if (!('attempt' in begun)) throw new Error(begun.code);
    const { fence } = begun.attempt;
    const body = JSON.stringify({ type: 'output', text: 'x'.repeat(bytes / 2) });
    let holds = 0;
    for (const firstSeq of [2, 3, 3]) {
      const batch = { jobId, fence, firstSeq, bodies: [body], hasOutput: true };
      const { code, logBytes } = await own.log.append(batch);
      expect(code).toMatch(/ok|duplicate/);
      holds = logBytes;
    }
    return holds;
  }

  it('counts for all accounts, refuses what is new beyond the limit, and what runs goes on', async () => {
    const { job, taken } = kept(1_000);
    const [first, second] = [job(), job()];
    await own.log.create(first);
    await own.log.create(second);
    const holds = await write(first, 1_200);
    expect(holds).toBeGreaterThan(1_200);
    await expect.poll(taken).toEqual([holds, holds]);
    await expect(own.log.create(job())).rejects.toMatchObject({ charge: { limit: 1_000 }, taken: holds });
    const more = await write(second, 400);
    await expect.poll(taken).toEqual([holds + more, holds + more]);
  });

  it('is counted when its job is ended by others, should whoever wrote it have died before saying so', async () => {
    const { job, taken } = kept(1_000);
    const lost = job();
    await own.log.create(lost);
    const holds = await write(lost, 400, 1);
    await expect.poll(taken).toEqual([holds, holds]);
    await own.redis.del(own.keys.ledger, own.keys.outputs);
    const { settle, expire } = createRedisSweep(own);
    const settled = await settle(lost.jobId, { at: await own.now() });
    expect(settled).toMatchObject({ code: 'ended', status: 'failed' });
    expect(await taken()).toEqual([holds, holds]);
    await expect.poll(expire, { timeout: 3 * RETENTION_MS }).toBe(1);
    expect(await taken()).toEqual([0, 0]);
  });

  it('is free again when its record is gone, and not before, whoever ended the job', async () => {
    const { job, taken } = kept(1_000);
    const [ended, lost] = [job(), job()];
    for (const one of [ended, lost]) {
      await own.log.create(one);
      await write(one, 400);
    }
    const { jobId } = ended;
    const batch = { jobId, fence: 1, firstSeq: 4, bodies: [completed], hasOutput: false };
    expect(await own.log.append({ ...batch, terminal: 'completed' })).toMatchObject({ code: 'ok' });
    const gone = await own.redis.pexpiretime(own.keys.record(jobId));
    const { expire, recount } = createRedisSweep(own);
    await expect.poll(() => own.redis.zscore(own.keys.outputsExpiring, jobId)).not.toBe(null);
    expect(await expire()).toBe(0);
    const [before] = await taken();
    expect(before).toBeGreaterThan(800);
    await expect.poll(expire, { timeout: 3 * RETENTION_MS }).toBe(1);
    expect(await own.now()).toBeGreaterThanOrEqual(gone);
    const [after = 0] = await taken();
    expect(after).toBeLessThan(before! / 1.5);
    // Its end was said to nobody.
    await own.redis.del(own.keys.record(lost.jobId));
    expect(await recount()).toBe(1);
    expect(await taken()).toEqual([0, 0]);
  });
});

describe('where ledger and records are on different servers', () => {
  const accept = () =>
    createRedisAcceptLog({
      ...{ redis: twin.redis, keys: twin.keys, retentionMs: 60_000 },
      ...{ lineOf: noLine, isOneServer: false },
    });

  it('charges a job before it has a record, and refuses none that has one', async () => {
    const { job, taken } = charged();
    const jobs = [job, again(job), again(job)].map((one) => ({ ...one, charges: job.charges!.slice(0, 1) }));
    for (const one of jobs) await accept().create(one);
    await expect(accept().create({ ...again(job), charges: job.charges!.slice(0, 1) })).rejects.toThrow(
      QuotaExceededError,
    );
    expect(await accept().create(jobs[0]!)).toMatchObject({ created: true });
    expect((await taken())[0]).toBe(3);
  });

  it('takes nothing for a job that had ended when it was asked for again', async () => {
    const { job, taken } = charged();
    await accept().create(job);
    await end(job, await begin(job), { usd: 1, tokens: 10 });
    await accept().create(job);
    await expect.poll(taken).toEqual([0, 1_000_000, 10]);
  });
});

it('settles in its recount what nobody will settle, leaves what is under way, and forgets budgets of the past', async () => {
  const { recount } = createRedisSweep(twin);
  const [under, never, ended] = [charged(), charged(), charged()];
  await twin.log.create(under.job);
  for (const { job } of [never, ended]) await twin.log.create(job);
  const { redis, keys } = twin;
  // Accepted by a gateway that died before it wrote the record; ended by a worker that did not settle.
  await redis.del(keys.record(never.job.jobId));
  await redis.hset(keys.record(ended.job.jobId), 'status', 'completed', 'spent', '1500000 7');
  await redis.zrem(keys.due, never.job.jobId, ended.job.jobId);
  await redis.hset(keys.ledger, `old usd ${new Date(0).toISOString().slice(0, 10)}`, 5);
  const today = `new usd ${new Date().toISOString().slice(0, 10)}`;
  await redis.hset(keys.ledger, today, 5);
  expect(await recount()).toBe(2);
  expect(await under.taken()).toEqual([1, 2_000_000, 1]);
  expect(await never.taken()).toEqual([0, 0, 0]);
  expect(await ended.taken()).toEqual([0, 1_500_000, 7]);
  const accounts = await redis.hkeys(keys.ledger);
  expect(accounts).toContain(today);
  expect(accounts.filter((account) => account.startsWith('old'))).toEqual([]);
  expect(await recount()).toBe(0);
});
