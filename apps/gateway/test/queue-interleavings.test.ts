/**
 * What a real worker does between two steps of a gateway: record and queue may be on different servers, and no step looks at both.
 * However they interleave, a job that waits has an entry in the end, and one that has ended gets none.
 */
import { createRedisUnqueued, type Unqueued } from '@cc-executor/job-log';
import { createJobId } from '@cc-executor/protocol';
import { type Consumer, type EntryState, startConsumer } from '@cc-executor/queue';
import { closeRedis, openRedis, type RedisConnection, RedisUnavailableError } from '@cc-executor/redis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startQueueCheck } from '../src/chores/queue-check.ts';
import {
  completed,
  freshMetrics,
  provideRig,
  type Rig,
  silent,
  TENANT,
  type TestGateway,
  untilTrue,
} from './harness.ts';

let rig: Rig;
let admin: RedisConnection;
let gateway: TestGateway;
let unqueued: Unqueued;
let redis: RedisConnection;
const closings: (() => Promise<unknown>)[] = [];

provideRig((made, server) => {
  rig = made;
  admin = server.admin;
  redis = openRedis(server.url, { name: 'consumer', role: 'patient', onError: () => {} });
});
beforeEach(async () => {
  gateway = await rig.gateway();
  unqueued = createRedisUnqueued({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 });
});
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
  await closeRedis(redis);
});

/** A worker with one slot, and what its begin was answered for each entry. */
function startWorker(answered: string[] = [], hold: () => Promise<unknown> = async () => {}): Consumer {
  const consumer = startConsumer({
    ...{ redis, keyPrefix: rig.keyPrefix, concurrency: 1, maxWaiting: 0, onError: () => {} },
    async process(jobId) {
      const begun = await rig.log.begin(jobId, 60_000, 'worker');
      answered.push(begun.code);
      await hold();
      if (begun.code === 'begun') {
        await rig.log.append({
          ...{ jobId, fence: begun.attempt.fence, firstSeq: 2, hasOutput: false },
          ...{ bodies: [JSON.stringify(completed)], terminal: 'completed' },
        });
      }
      return { status: begun.code };
    },
  });
  closings.push(() => consumer.close());
  return consumer;
}

/** Starts a check, and keeps what came of each job, and what it warned of. */
function startCheck(look: Unqueued['look'] = unqueued.look) {
  const entries = new Map<string, EntryState[]>();
  const warnings: object[] = [];
  const logger = Object.assign(Object.create(silent), { warn: (fields: object) => warnings.push(fields) });
  const check = startQueueCheck({
    unqueued: { ...unqueued, look },
    producer: {
      ...gateway.producer,
      async ensure(needs) {
        const states = await gateway.producer.ensure(needs);
        for (const [i, { jobId }] of needs.entries()) {
          entries.set(jobId, [...(entries.get(jobId) ?? []), states[i] ?? 'made']);
        }
        return states;
      },
    },
    abandonWatch: gateway.abandonWatch,
    ...{ intervalMs: 20, leaseMs: 100, metrics: freshMetrics(), logger },
  });
  closings.push(() => check.close());
  return { entries, warnings };
}

const isQueueIdle = async () => {
  const { waiting, active } = await gateway.producer.depth();
  return waiting + active === 0;
};

test.each<[string, 'before' | 'between']>([
  ['with an entry', 'before'],
  ['that gets an entry from another gateway meanwhile', 'between'],
])(
  'a job %s gets no second one when it ends between the looks at record and queue',
  async (_which, enters) => {
    const jobId = await rig.createJob();
    await admin.zadd(rig.keys.unqueued, 0, jobId);
    const enter = () => gateway.producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
    if (enters === 'before') await enter();
    const answered: string[] = [];
    const { entries, warnings } = startCheck(async (id) => {
      const need = await unqueued.look(id);
      if (answered.length === 0) {
        if (enters === 'between') await enter();
        startWorker(answered);
        await untilTrue(async () => answered.length > 0 && (await isQueueIdle()));
      }
      return need;
    });
    await untilTrue(async () => (await admin.zscore(rig.keys.unqueued, jobId)) === null);
    expect(entries.get(jobId)).toEqual(['changed']);
    expect(warnings).toEqual([]);
    expect(answered).toEqual(['begun']);
  },
);

test('a repeated execute puts nothing in line again whose job ran and ended while it was asked', async () => {
  const params = { prompt: 'x', idempotencyKey: 'k', attach: false };
  const answered: string[] = [];
  const slow = await rig.gateway({
    wrapLog: (log) => ({
      ...log,
      async createReserved(...args) {
        const found = await log.createReserved(...args);
        startWorker(answered);
        await untilTrue(async () => answered.length > 0 && (await isQueueIdle()));
        return found;
      },
    }),
  });
  const first = await (await rig.connect(gateway)).request('execute', params);
  const again = await (await rig.connect(slow)).request('execute', params);
  expect(again.result).toMatchObject({ jobId: first.result.jobId, created: false, status: 'queued' });
  expect([answered, await isQueueIdle()]).toEqual([['begun'], true]);
});

test('a job whose record was refused while its entry was not runs once it is accepted, though a worker is letting go of that entry', async () => {
  const params = { prompt: 'x', idempotencyKey: 'k', attach: false };
  const refusing = await rig.gateway({
    wrapLog: (log) => ({
      ...log,
      async createReserved(_job, _reservation, onSent) {
        onSent?.();
        throw new RedisUnavailableError('memory_full', new Error('OOM'));
      },
    }),
  });
  const gate = Promise.withResolvers<void>();
  const answered: string[] = [];
  startWorker(answered, () => gate.promise);
  const refused = await (await rig.connect(refusing)).request('execute', params);
  expect(refused.error.data).toMatchObject({ code: 'unavailable' });
  await untilTrue(() => answered.length === 1);
  const { result } = await (await rig.connect(gateway)).request('execute', params);
  expect(result).toMatchObject({ created: true, status: 'queued' });
  gate.resolve();
  await untilTrue(isQueueIdle);
  // Nobody has put it in line: that is found, and it is in the index by which its time limits are kept.
  expect(await admin.zscore(rig.keys.due, result.jobId)).not.toBeNull();
  // Behind a confirmation, which nobody waits for.
  await gateway.log.enqueued(createJobId());
  expect(await admin.zadd(rig.keys.unqueued, 'XX', 'CH', 0, result.jobId)).toBe(1);
  startCheck();
  await untilTrue(() => answered.length === 2);
  expect(answered).toEqual(['missing', 'begun']);
});

test('an entry without a record takes a job that there will be out of no index', async () => {
  const jobId = createJobId();
  await admin.zadd(rig.keys.due, 1, jobId);
  expect(await rig.log.begin(jobId, 60_000, 'worker')).toEqual({ code: 'missing' });
  await rig.createJob(jobId);
  expect(await admin.zscore(rig.keys.due, jobId)).not.toBeNull();
});
