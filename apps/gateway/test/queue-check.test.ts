import { createRedisUnqueued, type Unqueued } from '@cc-executor/job-log';
import { createEpoch, createJobId } from '@cc-executor/protocol';
import type { EntryState } from '@cc-executor/queue';
import { RedisUnavailableError } from '@cc-executor/redis';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type QueueCheck, type QueueCheckOptions, startQueueCheck } from '../src/chores/queue-check.ts';
import {
  createRig,
  freshMetrics,
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
let unqueued: Unqueued;
let checks: QueueCheck[];

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway();
  unqueued = createRedisUnqueued({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 });
  checks = [];
});
afterEach(async () => {
  await Promise.all(checks.map((check) => check.close()));
  await rig.close();
});

/** Starts a check, and keeps what it first asked of the queue for each job, and what it was told. */
function start(overrides: Partial<QueueCheckOptions> = {}) {
  const asked = new Map<string, { priority: number; entry: EntryState | undefined }>();
  const check = startQueueCheck({
    unqueued,
    producer: {
      ...gateway.producer,
      async ensure(jobs) {
        const entries = await gateway.producer.ensure(jobs);
        for (const [i, { jobId, priority }] of jobs.entries()) {
          if (!asked.has(jobId)) asked.set(jobId, { priority, entry: entries[i] });
        }
        return entries;
      },
    },
    abandonWatch: gateway.abandonWatch,
    intervalMs: 20,
    leaseMs: LEASE_MS,
    metrics: freshMetrics(),
    logger: silent,
    ...overrides,
  });
  checks.push(check);
  return asked;
}

/** A job in the log that is in no queue; its entry is to be looked for at once. */
async function createJob(spec: { priority?: number; onDisconnect?: 'cancel' } = {}): Promise<string> {
  const jobId = createJobId();
  await rig.log.create({
    ...{ jobId, epoch: createEpoch(), tenant: TENANT, spec: { prompt: 'x', ...spec }, retry: 'safe' },
    ...{ queueMs: 60_000, totalMs: 60_000 },
  });
  await server.admin.zadd(rig.keys.unqueued, 0, jobId);
  return jobId;
}

const lookedForAt = async (jobId: string) => server.admin.zscore(rig.keys.unqueued, jobId);

test('an accepted job without a queue entry gets one, with its priority, and is not looked for again', async () => {
  const jobId = await createJob({ priority: 7 });
  const asked = start();
  await untilTrue(async () => (await lookedForAt(jobId)) === null);
  expect(asked.get(jobId)).toEqual({ priority: 7, entry: 'made' });
  expect(await gateway.producer.ensure([{ jobId, tenant: TENANT, priority: 7 }])).toEqual(['waits']);
  expect((await rig.log.get(TENANT, jobId))?.job.status).toBe('queued');
});

test('a job that a worker has, or that has ended, needs no entry', async () => {
  const [running, ended] = [await createJob(), await createJob()];
  await takeJob(rig.log, running);
  await rig.log.cancel(TENANT, ended, 'client');
  const asked = start();
  await untilTrue(async () => (await server.admin.zcard(rig.keys.unqueued)) === 0);
  expect(asked.size).toBe(0);
});

test('a job whose entry a worker has taken is looked at again after a lease: it may be for a lost attempt', async () => {
  const jobId = await createJob();
  let claimedAt = 0;
  const again = Promise.withResolvers<{ jobIds: string[]; at: number }>();
  start({
    producer: { ...gateway.producer, ensure: async (jobs) => jobs.map(() => 'taken') },
    unqueued: {
      ...unqueued,
      async claim(...args) {
        const claim = await unqueued.claim(...args);
        claimedAt = claim.at;
        return claim;
      },
      async lookAgain(jobIds, at) {
        if (jobIds.length > 0) again.resolve({ jobIds, at });
      },
    },
  });
  expect(await again.promise).toEqual({ jobIds: [jobId], at: claimedAt + LEASE_MS });
});

test('a job that a worker has given back goes before those that were never taken', async () => {
  const [given, waits] = [await createJob(), await createJob()];
  await gateway.producer.enqueue({ jobId: waits, tenant: TENANT, priority: 0 });
  const attempt = await takeJob(rig.log, given);
  expect(await rig.log.release(given, attempt.fence, true)).toBe('ok');
  start({ producer: { ...gateway.producer, recount: async () => {} } });
  await untilTrue(async () => (await gateway.producer.ahead(TENANT, given)) === 0);
  expect(await gateway.producer.ahead(TENANT, waits)).toBe(1);
});

test('an entry that was confirmed and is lost is found by a round', async () => {
  const jobId = await createJob();
  await rig.log.enqueued(jobId);
  const asked = start();
  await untilTrue(() => asked.get(jobId)?.entry === 'made');
});

test('a queued job whose gateway died is cancelled when nobody listens and it asked for that; one with a listener waits', async () => {
  gateway = await rig.gateway({ abandonGraceMs: 50 });
  const other = await rig.connect(await rig.gateway());
  const [heard, alone] = [
    await createJob({ onDisconnect: 'cancel' }),
    await createJob({ onDisconnect: 'cancel' }),
  ];
  await other.request('attach', { jobId: heard });
  start();
  await untilTrue(async () => (await rig.log.get(TENANT, alone))?.job.status === 'cancelled');
  expect((await rig.log.get(TENANT, heard))?.job.status).toBe('queued');
});

test('a job whose record Redis cannot read does not hold up the others, is logged once, and is looked at now and then', async () => {
  const [poisoned, jobId] = [await createJob(), await createJob()];
  await server.admin.set(rig.keys.record(poisoned), 'no record');
  // Looked for once, not in rounds as well.
  await server.admin.zrem(rig.keys.due, poisoned);
  const errors: unknown[] = [];
  const logger = { ...silent, error: (fields: object) => errors.push(fields) };
  const asked = start({ logger: Object.assign(Object.create(silent), logger) });
  await untilTrue(() => asked.get(jobId)?.entry === 'made');
  await untilTrue(async () => Number(await lookedForAt(poisoned)) > Date.now() + 30_000);
  expect(errors).toEqual([expect.objectContaining({ event: 'redis_refused', jobId: poisoned })]);
});

test('a check that fails is made again', async () => {
  const jobId = await createJob();
  let claims = 0;
  const asked = start({
    unqueued: {
      ...unqueued,
      claim(...args) {
        claims += 1;
        return claims === 1
          ? Promise.reject(new RedisUnavailableError('away', new Error('no answer')))
          : unqueued.claim(...args);
      },
    },
  });
  await untilTrue(() => asked.get(jobId)?.entry === 'made');
});

test('closing waits for the check under way', async () => {
  const jobId = await createJob();
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const asked = start({
    unqueued: {
      ...unqueued,
      async look(id) {
        reached.resolve();
        await gate.promise;
        return unqueued.look(id);
      },
    },
  });
  await reached.promise;
  let closed = false;
  const closing = checks[0]?.close().then(() => {
    closed = true;
  });
  await rig.log.get(TENANT, jobId);
  expect(closed).toBe(false);
  gate.resolve();
  await closing;
  expect(asked.get(jobId)?.entry).toBe('made');
});
