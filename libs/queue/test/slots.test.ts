/** Slots of a consumer, and what holds none. */
import { createJobId } from '@cc-executor/protocol';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Consumer,
  type ConsumerOptions,
  createProducer,
  openQueue,
  type Slot,
  startConsumer,
} from '../src/index.ts';
import { createStage } from './stage.ts';

/** Of the one that is to be renewed; a process that stands still for as long loses its jobs. */
const LOCK_MS = 1_500;
const TENANT = 'acme';
const onError = () => {
  // A lock or a connection that is lost shows in what the tests look at.
};

let server: TestRedis;
let redis: RedisConnection;
let keyPrefix: string;
let producer: ReturnType<typeof createProducer>;
let queue: ReturnType<typeof openQueue>;
const consumers: Consumer[] = [];

beforeAll(async () => {
  server = await startTestRedis();
});
beforeEach(() => {
  keyPrefix = uniquePrefix();
  redis = openRedis(server.url, { name: 'test', role: 'patient', onError });
  producer = createProducer({ redis, keyPrefix, onError });
  queue = openQueue({ redis, keyPrefix, onError });
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
  await Promise.all([producer.close(), queue.close()]);
  await closeRedis(redis);
});
afterAll(() => server.close());

function consume(options: Pick<ConsumerOptions, 'process' | 'maxWaiting' | 'lockMs'>): Consumer {
  const consumer = startConsumer({
    ...{ redis, keyPrefix, concurrency: 1, onError },
    ...options,
  });
  consumers.push(consumer);
  return consumer;
}

/** Resolves when an entry has come into this state. The queue's own end of a job is after its processor's. */
async function untilState(jobId: string | undefined, state: string): Promise<void> {
  while ((await queue.getJobState(jobId ?? '')) !== state);
}

describe('a job that waits', () => {
  /** A consumer with one slot, and so many jobs in its queue; the first has been taken. */
  async function consumeOne(jobs: number, maxWaiting: number, more: { lockMs?: number } = {}) {
    const ids = Array.from({ length: jobs }, createJobId);
    for (const jobId of ids) await producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
    const stage = createStage(true);
    const consumer = consume({ ...stage, maxWaiting, ...more });
    await stage.until(1);
    const slot = (index: number) => stage.slots.get(ids[index] ?? '') as Slot;
    return { ids, stage, consumer, slot };
  }

  it('gives its slot to the next, and goes on beside it; then nothing is taken until there is room', async () => {
    const { ids, stage, consumer, slot } = await consumeOne(3, 5);
    expect(consumer.load()).toEqual({ running: 1, waiting: 0 });
    slot(0).setWaiting(true);
    await stage.until(2);
    expect(consumer.load()).toEqual({ running: 1, waiting: 1 });
    slot(0).setWaiting(false);
    expect(consumer.load()).toEqual({ running: 2, waiting: 0 });
    stage.letGo(ids[0] ?? '');
    await untilState(ids[0], 'completed');
    expect(await producer.ahead(TENANT, ids[2] ?? '')).toBe(0);
    stage.letGo(ids[1] ?? '');
    await stage.until(3);
    stage.letGo(ids[2] ?? '');
    await untilState(ids[2], 'completed');
    expect(consumer.load()).toEqual({ running: 0, waiting: 0 });
  });

  it('keeps its slot when as many wait as may, and can be told so before', async () => {
    const { ids, stage, consumer, slot } = await consumeOne(4, 2);
    slot(0).setWaiting(true);
    await stage.until(2);
    expect(slot(1).canWait()).toBe(true);
    slot(1).setWaiting(true);
    await stage.until(3);
    expect(slot(2).canWait()).toBe(false);
    slot(2).setWaiting(true);
    expect(consumer.load()).toEqual({ running: 1, waiting: 2 });
    expect(await producer.ahead(TENANT, ids[3] ?? '')).toBe(0);
    // One of those that hold no slot ends: now the third gives its own.
    stage.letGo(ids[0] ?? '');
    await stage.until(4);
    expect(consumer.load()).toEqual({ running: 1, waiting: 2 });
    for (const jobId of ids) stage.letGo(jobId);
  });

  it('keeps its entry: the lock is renewed, and no other worker gets it', async () => {
    const { ids, stage, slot } = await consumeOne(1, 1, { lockMs: LOCK_MS });
    slot(0).setWaiting(true);
    const other = createStage();
    consume({ ...other, maxWaiting: 1, lockMs: LOCK_MS });
    const key = `{${keyPrefix}:queue}:jobs:${ids[0]}:lock`;
    const renewed = async () => {
      for (let last = await server.admin.pttl(key); ; ) {
        const left = await server.admin.pttl(key);
        if (left > last) return;
        last = left;
      }
    };
    for (let count = 0; count < 3; count += 1) await renewed();
    expect([stage.taken, other.taken]).toEqual([ids, []]);
    expect(slot(0).lockLost.aborted).toBe(false);
    stage.letGo(ids[0] ?? '');
    await untilState(ids[0], 'completed');
  });

  it('is waited for when the consumer closes, and no other is taken in its place', async () => {
    const { ids, stage, consumer, slot } = await consumeOne(2, 1);
    const closing = consumer.close();
    slot(0).setWaiting(true);
    await queue.getJobCounts('active');
    stage.letGo(ids[0] ?? '');
    await closing;
    expect(stage.taken).toEqual(ids.slice(0, 1));
    expect(await queue.getJobState(ids[0] ?? '')).toBe('completed');
  });
});
