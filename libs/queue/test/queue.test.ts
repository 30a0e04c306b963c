import { once } from 'node:events';
import { createJobId } from '@cc-executor/protocol';
import { closeRedis, openRedis, type RedisConnection, type RedisRole } from '@cc-executor/redis';
import { needs, startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import type { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Consumer,
  type ConsumerOptions,
  createProducer,
  openQueue,
  type Producer,
  startConsumer,
} from '../src/index.ts';
import { createStage } from './stage.ts';

const TENANT = 'acme';
const need = (jobId: string, priority = 0) => ({ jobId, tenant: TENANT, priority });

let server: TestRedis;
let keyPrefix: string;
let producer: Producer;
let queue: Queue;
const connections: RedisConnection[] = [];
const consumers: Consumer[] = [];

function connect(role: RedisRole): RedisConnection {
  const redis = openRedis(server.url, { name: `test-${role}`, role, onError: () => {} });
  connections.push(redis);
  return redis;
}

beforeAll(async () => {
  server = await startTestRedis();
});
beforeEach(async () => {
  keyPrefix = uniquePrefix();
  const redis = connect('impatient');
  await once(redis, 'ready');
  producer = createProducer({ redis, keyPrefix, onError: () => {} });
  queue = openQueue({ redis, keyPrefix, onError: () => {} });
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
  await Promise.all([producer.close(), queue.close()]);
  await Promise.all(connections.splice(0).map(closeRedis));
  // The embedded server sees only after a moment that a client which waited in it has gone.
  const clients = async () => String(await server.admin.client('LIST')).match(/^id=/gm);
  await expect.poll(clients, { timeout: 10_000 }).toHaveLength(1);
});
afterAll(() => server.close());

function consume(options: Pick<ConsumerOptions, 'process'> & Partial<ConsumerOptions>): Consumer {
  const redis = connect('patient');
  const defaults = { concurrency: 1, maxWaiting: 0, onError: () => {} };
  const consumer = startConsumer({ redis, keyPrefix, ...defaults, ...options });
  consumers.push(consumer);
  return consumer;
}

/** Resolves when an entry has come into this state. The queue's own end of a job is after its processor's. */
async function untilState(jobId: string, state: string): Promise<void> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    if ((await queue.getJobState(jobId)) === state) return;
  }
  throw new Error(`the entry is ${await queue.getJobState(jobId)}`);
}

describe('the hand-over', () => {
  it('brings every job id once, in order, however often it was enqueued', async () => {
    const ids = Array.from({ length: 5 }, createJobId);
    for (const jobId of [...ids, ...ids]) await producer.enqueue(need(jobId));
    const stage = createStage();
    consume(stage);
    await stage.until(5);
    await untilState(ids[4] ?? '', 'completed');
    expect(stage.taken).toEqual(ids);
  });

  it('takes lower priority numbers first, and 0 before all', async () => {
    const jobs = [5, 1_000, 0, 1, 0].map((priority) => ({ jobId: createJobId(), priority }));
    for (const { jobId, priority } of jobs) await producer.enqueue(need(jobId, priority));
    const stage = createStage();
    consume(stage);
    await stage.until(5);
    const priorityOf = (jobId: string) => jobs.find((job) => job.jobId === jobId)?.priority;
    expect(stage.taken.map(priorityOf)).toEqual([0, 0, 1, 5, 1_000]);
  });

  it('has as many jobs under way as the concurrency says, and no more', async () => {
    const ids = Array.from({ length: 4 }, createJobId);
    for (const jobId of ids) await producer.enqueue(need(jobId));
    const stage = createStage(true);
    consume({ ...stage, concurrency: 2 });
    await stage.until(2);
    expect(await producer.depth()).toMatchObject({ active: 2, waiting: 2 });
    stage.letGo(ids[0] ?? '');
    await stage.until(3);
    expect(stage.taken).toEqual(ids.slice(0, 3));
    for (const jobId of ids) stage.letGo(jobId);
    await stage.until(4);
    stage.letGo(ids[3] ?? '');
  });

  it('carries nothing but ids, in keys of one hash slot', async () => {
    const jobId = createJobId();
    await producer.enqueue(need(jobId));
    const stage = createStage();
    consume(stage);
    await untilState(jobId, 'completed');
    expect((await queue.getJob(jobId))?.data).toEqual({});
    const keys = await server.admin.keys(`*${keyPrefix}*`);
    expect(keys.length).toBeGreaterThan(3);
    const slots = await Promise.all(keys.map((key) => /^\{[^}]+\}/.exec(key)?.[0]));
    expect(new Set(slots)).toEqual(new Set([`{${keyPrefix}:queue}`]));
  });

  it('works on a Redis Cluster', async (context) => {
    await needs('cluster')(context);
    const cluster = await startTestRedis({ cluster: true });
    const redis = openRedis(cluster.url, { name: 'test', role: 'patient', onError: () => {} });
    const options = { redis, keyPrefix, onError: () => {} };
    const clusterProducer = createProducer(options);
    const jobId = createJobId();
    await clusterProducer.enqueue(need(jobId, 3));
    const stage = createStage();
    const consumer = startConsumer({ ...options, concurrency: 1, maxWaiting: 0, process: stage.process });
    await stage.until(1);
    expect(stage.taken).toEqual([jobId]);
    await consumer.close();
    await clusterProducer.close();
    await closeRedis(redis);
    await cluster.close();
  });
});

describe('a job that failed', () => {
  it.each<[string, ConsumerOptions['process']]>([
    ['ended as such', async () => ({ status: 'failed', error: 'upstream_cut: the connection broke' })],
    [
      'made the processor throw',
      async () => {
        throw new Error('upstream_cut: the connection broke');
      },
    ],
  ])('because it %s is shown as failed, and is not tried again', async (_what, process) => {
    const jobId = createJobId();
    await producer.enqueue(need(jobId));
    let calls = 0;
    consume({
      process: (...args) => {
        calls += 1;
        return process(...args);
      },
    });
    await untilState(jobId, 'failed');
    expect((await queue.getJob(jobId))?.failedReason).toBe('upstream_cut: the connection broke');
    // What comes after it is taken, so it was not put before that again.
    const next = createJobId();
    await producer.enqueue(need(next));
    await untilState(next, 'failed');
    expect(calls).toBe(2);
  });
});

describe('taking out and putting back', () => {
  const ensure = async (jobId: string) => (await producer.ensure([need(jobId)]))[0];

  it('makes an entry where none waits or is under way, and only there', async () => {
    const jobId = createJobId();
    expect(await ensure(jobId)).toBe('made');
    expect(await ensure(jobId)).toBe('waits');
    const stage = createStage(true);
    consume(stage);
    await stage.until(1);
    expect(await ensure(jobId)).toBe('taken');
    stage.letGo(jobId);
    await untilState(jobId, 'completed');
    expect(await ensure(jobId)).toBe('made');
    await stage.until(2);
    expect(stage.taken).toEqual([jobId, jobId]);
    stage.letGo(jobId);
  });

  it('looks at many at once, each by itself, and keeps the priority of an entry that it makes', async () => {
    const [waits, absent] = [createJobId(), createJobId()];
    await producer.enqueue(need(waits));
    expect(await producer.ensure([need(absent, 7), need(waits)])).toEqual(['made', 'waits']);
    const stage = createStage(true);
    consume({ ...stage, concurrency: 2 });
    await stage.until(2);
    expect((await queue.getJob(absent))?.priority).toBe(7);
    for (const jobId of [absent, waits]) stage.letGo(jobId);
  });

  it('lets no worker have an entry before its time, and makes none beside it', async () => {
    const jobId = createJobId();
    const notBefore = Date.now() + 700;
    const stage = createStage();
    consume({ ...stage, lookMs: 20 });
    const wait = () => producer.ensure([{ ...need(jobId), notBefore }]);
    expect([await wait(), await wait()]).toEqual([['made'], ['waits']]);
    expect((await producer.depth()).delayed).toBe(1);
    await stage.until(1);
    expect(Date.now()).toBeGreaterThanOrEqual(notBefore);
  });

  it('finds prioritised entries too', async () => {
    const jobId = createJobId();
    await producer.enqueue(need(jobId, 7));
    expect(await ensure(jobId)).toBe('waits');
  });
});

describe('a consumer', () => {
  it('aborts the signal of a job whose lock was lost, and of no other', async () => {
    const [lost, kept] = [createJobId(), createJobId()];
    await producer.enqueue(need(lost));
    await producer.enqueue(need(kept));
    const stage = createStage(true);
    // The process may stand still for half of it.
    consume({ ...stage, concurrency: 2, lockMs: 1_500 });
    await stage.until(2);
    const signal = stage.slots.get(lost)?.lockLost;
    if (!signal) throw new Error('not taken');
    const aborted = once(signal, 'abort');
    await server.admin.set(`{${keyPrefix}:queue}:jobs:${lost}:lock`, 'another worker');
    await aborted;
    expect(String(signal.reason)).toContain('lock');
    expect(stage.slots.get(kept)?.lockLost.aborted).toBe(false);
    await server.admin.del(`{${keyPrefix}:queue}:jobs:${lost}:lock`);
    stage.letGo(lost);
    stage.letGo(kept);
  });

  it('takes nothing new when it closes, waits for what it has, and closes once', async () => {
    const ids = [createJobId(), createJobId()];
    for (const jobId of ids) await producer.enqueue(need(jobId));
    const stage = createStage(true);
    const consumer = consume(stage);
    await stage.until(1);
    expect(consumer.isRunning()).toBe(true);
    let closed = false;
    const closing = Promise.all([consumer.close(), consumer.close()]).then(() => {
      closed = true;
    });
    await queue.getJobCounts('active');
    expect(closed).toBe(false);
    stage.letGo(ids[0] ?? '');
    await closing;
    await consumer.close();
    expect(consumer.isRunning()).toBe(false);
    expect(stage.taken).toEqual(ids.slice(0, 1));
    expect(await queue.getJobState(ids[0] ?? '')).toBe('completed');
    expect(await producer.ahead(TENANT, ids[1] ?? '')).toBe(0);
  });

  it('is as good as ever after Redis was away', async () => {
    const stage = createStage();
    const consumer = consume(stage);
    await producer.enqueue(need(createJobId()));
    await stage.until(1);
    await server.kill();
    await server.start();
    const redis = connect('patient');
    const again = createProducer({ redis, keyPrefix, onError: () => {} });
    await again.enqueue(need(createJobId()));
    await stage.until(2);
    expect(consumer.isRunning()).toBe(true);
    await again.close();
    // BullMQ's own connection, named after the queue, is back as well.
    while (!String(await server.admin.client('LIST')).includes(`name={${keyPrefix}`));
  });

  it('closes while Redis is away, when what it has is done', async () => {
    const own = await startTestRedis();
    const redis = openRedis(own.url, { name: 'test', role: 'patient', onError: () => {} });
    const options = { redis, keyPrefix, onError: () => {} };
    const ownProducer = createProducer(options);
    const jobId = createJobId();
    await ownProducer.enqueue(need(jobId));
    const stage = createStage(true);
    const consumer = startConsumer({ ...options, concurrency: 1, maxWaiting: 0, process: stage.process });
    await stage.until(1);
    await own.kill();
    const closing = consumer.close();
    stage.letGo(jobId);
    await closing;
    await ownProducer.close();
    await closeRedis(redis);
    await own.close();
  });

  it('does not take a paused queue for a take-loop that stands still', async (context) => {
    await needs('statistics')(context);
    await queue.pause();
    await producer.enqueue(need(createJobId()));
    const errors: Error[] = [];
    const stage = createStage();
    const consumer = consume({ ...stage, lookMs: 5, onError: (error) => errors.push(error) });
    const { admin } = server;
    const commands = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1]);
    // Many looks: each asks Redis something.
    const before = await commands();
    while ((await commands()) < before + 500);
    expect(consumer.isRunning()).toBe(true);
    expect(errors).toEqual([]);
    await queue.resume();
    await stage.until(1);
  });
});

describe('depth', () => {
  it('counts entries by state and tells how long the next in line has waited', async () => {
    expect(await producer.depth()).toEqual({ waiting: 0, active: 0, delayed: 0, oldestWaitingMs: 0 });
    const first = createJobId();
    await producer.enqueue(need(createJobId(), 5));
    await queue.add('execute', {}, { jobId: first, timestamp: Date.now() - 60_000 });
    await producer.enqueue(need(createJobId()));
    const { oldestWaitingMs, ...counts } = await producer.depth();
    expect(counts).toEqual({ waiting: 3, active: 0, delayed: 0 });
    expect(oldestWaitingMs).toBeGreaterThanOrEqual(60_000);
    expect(oldestWaitingMs).toBeLessThan(90_000);
  });
});
