import { createRedisSweep, type JobSpec, type JobSweep } from '@cc-executor/job-log';
import { createEpoch, createJobId, type JobEvent, type RetryPolicy } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import { needs, startTestRedis, type TestRedis, textsOf } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sweeper, type SweeperOptions, startSweeper } from '../src/chores/sweeper.ts';
import {
  completed,
  createRig,
  freshMetrics,
  output,
  type Rig,
  silent,
  TENANT,
  type TestGateway,
  takeJob,
  untilTrue,
} from './harness.ts';

const LEASE_MS = 300;

let server: TestRedis;
let rig: Rig;
let gateway: TestGateway;
let sweep: JobSweep;
let sweepers: Sweeper[];

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway();
  sweep = createRedisSweep({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 });
  sweepers = [];
});
afterEach(async () => {
  await Promise.all(sweepers.map((sweeper) => sweeper.close()));
  await rig.close();
});

function start(overrides: Partial<SweeperOptions> = {}): Sweeper {
  const sweeper = startSweeper({
    sweep,
    abandonWatch: gateway.abandonWatch,
    intervalMs: 50,
    leaseMs: 0,
    metrics: freshMetrics(),
    logger: silent,
    ...overrides,
  });
  sweepers.push(sweeper);
  return sweeper;
}

async function createJob({
  queueMs = 60_000,
  totalMs = 60_000,
  retry = 'safe' as RetryPolicy,
  spec = {} as Omit<JobSpec, 'prompt'>,
} = {}): Promise<string> {
  const jobId = createJobId();
  await rig.log.create({
    jobId,
    epoch: createEpoch(),
    tenant: TENANT,
    spec: { prompt: 'x', retry, ...spec },
    queueMs,
    totalMs,
    retry,
  });
  await gateway.producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
  return jobId;
}

/** The sweeper would look at it now: tests do not wait for what the index says. */
async function makeDue(jobId: string): Promise<void> {
  await server.admin.zadd(rig.keys.due, 0, jobId);
}

async function untilStatus(jobId: string, status: string): Promise<JobEvent[]> {
  await untilTrue(async () => (await rig.log.get(TENANT, jobId))?.job.status === status);
  const page = await rig.log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 1_000, maxBytes: 1_000_000 });
  return textsOf(page).map((event) => JSON.parse(event));
}

test('three sweepers end a job whose worker is lost exactly once, as worker_lost, and its worker may not write', async () => {
  for (let i = 0; i < 3; i += 1) start();
  const jobIds = await Promise.all(Array.from({ length: 20 }, () => createJob()));
  const attempts = await Promise.all(jobIds.map((jobId) => takeJob(rig.log, jobId, LEASE_MS)));
  await attempts[0]?.write(output('half an ans'));
  for (const [i, jobId] of jobIds.entries()) {
    const events = await untilStatus(jobId, 'failed');
    expect(events.filter(({ type }) => type === 'failed')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({
      error: { code: 'worker_lost', retrySafe: false },
      partial: i === 0,
      attempt: 2,
    });
    expect(await attempts[i]?.end(completed)).toBe('fenced');
  }
  await untilTrue(async () => (await sweep.size()) === 0);
});

test('a job whose lease is renewed is left alone', async () => {
  const alive = await createJob();
  const attempt = await takeJob(rig.log, alive, 60_000);
  const lost = await createJob();
  await takeJob(rig.log, lost, LEASE_MS);
  await makeDue(alive);
  start();
  await untilStatus(lost, 'failed');
  // It was looked at in the same sweeps, and stands in the index with its lease.
  expect(Number(await server.admin.zscore(rig.keys.due, alive))).toBeGreaterThan(Date.now() + 30_000);
  expect(await attempt.end(completed)).toBe('ok');
});

test('a lost job with a recorded cancel ends as cancelled, in the name of who cancelled', async () => {
  const jobId = await createJob();
  await takeJob(rig.log, jobId, LEASE_MS);
  await rig.log.cancel(TENANT, jobId, 'operator');
  start();
  expect((await untilStatus(jobId, 'cancelled')).at(-1)).toMatchObject({ type: 'cancelled', by: 'operator' });
});

test('a lost job that may always run again is queued again; the lost attempt is fenced off', async () => {
  const jobId = await createJob({ retry: 'always' });
  await rig.log.enqueued(jobId);
  const lost = await takeJob(rig.log, jobId, LEASE_MS);
  await lost.write(output('first try'));
  start();
  await untilStatus(jobId, 'queued');
  // The queue may have dropped it.
  await untilTrue(async () => (await server.admin.zscore(rig.keys.unqueued, jobId)) !== null);
  expect(await lost.end(completed)).toBe('fenced');
  const next = await takeJob(rig.log, jobId);
  expect(next.fence).toBeGreaterThan(lost.fence + 1);
  expect(await lost.end(completed)).toBe('fenced');
  expect(await next.end(completed)).toBe('ok');
});

test('a job that nobody took in time is timed_out with the limit of the queue', async () => {
  const jobId = await createJob({ queueMs: 100 });
  await makeDue(jobId);
  start();
  expect((await untilStatus(jobId, 'timed_out')).at(-1)).toMatchObject({
    type: 'timed_out',
    limit: 'queue',
    partial: false,
  });
  expect((await rig.log.begin(jobId, LEASE_MS, 'me')).code).toBe('terminal');
});

test('a job past its deadline whose worker goes on renewing is timed_out by the sweeper', async () => {
  const jobId = await createJob({ totalMs: 60_000 });
  const attempt = await takeJob(rig.log, jobId, 60_000);
  await server.admin.hset(rig.keys.record(jobId), 'deadline', Date.now() - 60_000);
  await makeDue(jobId);
  start();
  expect((await untilStatus(jobId, 'timed_out')).at(-1)).toMatchObject({ limit: 'total' });
  expect(await attempt.end(completed)).toBe('fenced');
});

test('a queued job that an older gateway put into the index is due at its deadline, and its entry is looked for', async () => {
  const jobId = await createJob();
  await rig.log.enqueued(jobId);
  await makeDue(jobId);
  start();
  await untilTrue(async () => (await server.admin.zscore(rig.keys.unqueued, jobId)) !== null);
  const { deadlineAt } = (await rig.log.get(TENANT, jobId))?.job ?? {};
  expect(await server.admin.zscore(rig.keys.due, jobId)).toBe(String(deadlineAt));
});

test('more jobs than one claim gives are ended in one sweep', async (context) => {
  await needs('throughput')(context);
  const jobIds = await Promise.all(Array.from({ length: 450 }, () => createJob({ queueMs: 1 })));
  let claims = 0;
  const counted: JobSweep = {
    ...sweep,
    claim(...args) {
      claims += 1;
      return sweep.claim(...args);
    },
  };
  // Long enough that there is one sweep, whatever else the machine does.
  start({ sweep: counted, intervalMs: 5_000 });
  await Promise.all(jobIds.map((jobId) => untilStatus(jobId, 'timed_out')));
  await untilTrue(() => claims === 3);
}, 20_000);

test('it waits for one lease before its first sweep, and after Redis was away', async () => {
  const claims: number[] = [];
  const counted: JobSweep = {
    ...sweep,
    claim(...args) {
      claims.push(performance.now());
      return sweep.claim(...args);
    },
  };
  const startedAt = performance.now();
  const sweeper = start({ sweep: counted, leaseMs: 400 });
  await untilTrue(() => claims.length > 0);
  expect((claims[0] ?? 0) - startedAt).toBeGreaterThanOrEqual(400);
  const jobId = await createJob();
  await takeJob(rig.log, jobId, 1);
  const awayAt = performance.now();
  sweeper.redisWasAway();
  await makeDue(jobId);
  await untilStatus(jobId, 'failed');
  const next = claims.find((at) => at > awayAt) ?? 0;
  expect(next - awayAt).toBeGreaterThanOrEqual(400);
});

test('a claim during which Redis went away and came back ends nobody, and one lease of patience begins', async () => {
  const jobId = await createJob();
  await takeJob(rig.log, jobId, 1);
  await makeDue(jobId);
  const claims: number[] = [];
  let looks = 0;
  const interrupted: JobSweep = {
    ...sweep,
    async claim(...args) {
      const claim = await sweep.claim(...args);
      claims.push(performance.now());
      if (claims.length === 1) sweeper.redisWasAway();
      return claim;
    },
    settle(...args) {
      looks += 1;
      expect(claims.length).toBeGreaterThan(1);
      return sweep.settle(...args);
    },
  };
  const sweeper = start({ sweep: interrupted, leaseMs: 300 });
  await untilStatus(jobId, 'failed');
  expect(looks).toBe(1);
  expect((claims[1] ?? 0) - (claims[0] ?? 0)).toBeGreaterThanOrEqual(300);
});

test('a sweep that fails is a sign that Redis is away', async () => {
  const jobId = await createJob();
  await takeJob(rig.log, jobId, 1);
  await makeDue(jobId);
  const claims: number[] = [];
  const flaky: JobSweep = {
    ...sweep,
    claim(...args) {
      claims.push(performance.now());
      return claims.length === 1
        ? Promise.reject(new RedisUnavailableError('away', new Error('no answer')))
        : sweep.claim(...args);
    },
  };
  start({ sweep: flaky, leaseMs: 300 });
  await untilStatus(jobId, 'failed');
  expect((claims[1] ?? 0) - (claims[0] ?? 0)).toBeGreaterThanOrEqual(300);
});

test('an old claim does nothing: Redis, or the sweeper, stood still in between', async () => {
  const jobId = await createJob();
  const attempt = await takeJob(rig.log, jobId, 1);
  await makeDue(jobId);
  const claim = await sweep.claim(10, 5_000);
  expect(claim.jobIds).toEqual([jobId]);
  expect(await sweep.settle(jobId, { ...claim, at: claim.at - 10_000 })).toEqual({ code: 'stale' });
  expect((await rig.log.get(TENANT, jobId))?.job.status).toBe('running');
  expect(await attempt.end(completed)).toBe('ok');
});

test('what was claimed while Redis stood still is due when that is over, not only when the claim lapses', async () => {
  const jobId = await createJob();
  await takeJob(rig.log, jobId, 1);
  let claims = 0;
  const slow: JobSweep = {
    ...sweep,
    async claim(...args) {
      const claim = await sweep.claim(...args);
      claims += 1;
      if (claims === 1) await new Promise((resolve) => setTimeout(resolve, 300));
      return claim;
    },
  };
  const startedAt = performance.now();
  start({ sweep: slow, intervalMs: 250 });
  await untilStatus(jobId, 'failed');
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});

test('the index is empty when every job has ended, and forgets a job that is gone', async () => {
  const [done, gone, cancelled] = await Promise.all([createJob(), createJob(), createJob()]);
  await takeJob(rig.log, done).then((attempt) => attempt.end(completed));
  await server.admin.del(rig.keys.record(gone), rig.keys.log(gone));
  await rig.log.cancel(TENANT, cancelled, 'client');
  for (const jobId of [done, gone, cancelled]) await makeDue(jobId);
  start();
  await untilTrue(async () => (await sweep.size()) === 0);
});

test('one claim gives a job to one sweeper', async () => {
  const jobIds = await Promise.all(Array.from({ length: 30 }, () => createJob()));
  for (const jobId of jobIds) await makeDue(jobId);
  const claims = await Promise.all(Array.from({ length: 5 }, () => sweep.claim(10, 5_000)));
  const claimed = claims.flatMap((claim) => claim.jobIds);
  expect(claimed).toHaveLength(30);
  expect(new Set(claimed)).toEqual(new Set(jobIds));
});

test('closing waits for the sweep under way', async () => {
  const jobId = await createJob();
  await takeJob(rig.log, jobId, 1);
  await makeDue(jobId);
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const slow: JobSweep = {
    ...sweep,
    async settle(...args) {
      reached.resolve();
      await gate.promise;
      return sweep.settle(...args);
    },
  };
  const sweeper = start({ sweep: slow });
  await reached.promise;
  let closed = false;
  const closing = sweeper.close().then(() => {
    closed = true;
  });
  await rig.log.get(TENANT, jobId);
  expect(closed).toBe(false);
  gate.resolve();
  await closing;
  expect((await rig.log.get(TENANT, jobId))?.job.status).toBe('failed');
});

test('a job whose gateway died is cancelled when nobody listens and it asked for that; one with a listener goes on', async () => {
  gateway = await rig.gateway({ abandonGraceMs: 50 });
  const other = await rig.connect(await rig.gateway());
  const spec = { onDisconnect: 'cancel' } as const;
  const [alone, heard, queued] = [
    await createJob({ spec }),
    await createJob({ spec }),
    await createJob({ spec }),
  ];
  await other.request('attach', { jobId: heard });
  for (const jobId of [alone, heard]) await takeJob(rig.log, jobId, 60_000);
  start();
  // Twice, so that the one with a listener has had its grace when the others are cancelled.
  for (let i = 0; i < 2; i += 1) for (const jobId of [heard, alone, queued]) await makeDue(jobId);
  await untilTrue(async () => (await rig.log.get(TENANT, alone))?.job.cancelRequested === true);
  expect((await untilStatus(queued, 'cancelled')).at(-1)).toMatchObject({ by: 'disconnect' });
  expect((await rig.log.get(TENANT, heard))?.job).toMatchObject({
    status: 'running',
    cancelRequested: false,
  });
});

test('a job that Redis refuses to touch does not hold up the others, and is logged once', async () => {
  const [poisoned, jobId] = [await createJob(), await createJob({ queueMs: 1 })];
  await server.admin.set(rig.keys.record(poisoned), 'no record');
  await server.admin.zadd(rig.keys.due, 0, poisoned, 0, jobId);
  const errors: unknown[] = [];
  const logger = { ...silent, error: (fields: object) => errors.push(fields), warn: silent.warn };
  start({ logger: Object.assign(Object.create(silent), logger), leaseMs: 60 });
  await untilStatus(jobId, 'timed_out');
  await untilTrue(
    async () => Number(await server.admin.zscore(rig.keys.due, poisoned)) > Date.now() + 30_000,
  );
  expect(errors).toEqual([expect.objectContaining({ event: 'redis_refused', jobId: poisoned })]);
});
