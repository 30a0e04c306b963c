/** Entries, as our scripts and BullMQ's own leave them in Redis. */
import { createJobId } from '@cc-executor/protocol';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { type Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Consumer, createProducer, openQueue, type Producer, startConsumer } from '../src/index.ts';
import { createStage } from './stage.ts';

const TENANT = 'acme';
const onError = () => {
  // A lock that is lost shows in what the tests look at.
};

let server: TestRedis;
let redis: RedisConnection;
let keyPrefix: string;
let producer: Producer;
let queue: Queue;
let consumer: Consumer | undefined;

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
  await consumer?.close();
  consumer = undefined;
  await Promise.all([producer.close(), queue.close()]);
  await closeRedis(redis);
});
afterAll(() => server.close());

const key = (name: string) => `{${keyPrefix}:queue}:jobs:${name}`;

function consume(process: Parameters<typeof startConsumer>[0]['process'], concurrency = 1): void {
  consumer = startConsumer({ redis, keyPrefix, concurrency, maxWaiting: 0, onError, process });
}

async function enqueue(priority = 0): Promise<string> {
  const jobId = createJobId();
  await producer.enqueue({ jobId, tenant: TENANT, priority });
  return jobId;
}

async function untilState(jobId: string, state: string): Promise<void> {
  await expect.poll(() => queue.getJobState(jobId), { interval: 5 }).toBe(state);
}

/** All that the queue holds of an entry, without times and its name. */
async function traceOf(jobId: string) {
  const fields = await redis.hgetall(key(jobId));
  for (const [name, value] of Object.entries(fields)) {
    fields[name] = /^\d{13}$/.test(value) ? 'a time' : value.replaceAll(jobId, 'id');
  }
  const lists = await Promise.all(['wait', 'active'].map((name) => redis.lrange(key(name), 0, -1)));
  const sets = await Promise.all(['completed', 'failed'].map((name) => redis.zscore(key(name), jobId)));
  return { fields, lists, in: sets.map(Boolean), locked: await redis.exists(key(`${jobId}:lock`)) };
}

const ends = {
  completed: async () => ({ status: 'completed' }),
  failed: async () => ({ status: 'failed', error: 'upstream_cut', message: 'the connection broke' }),
};

describe('an entry', () => {
  it.each(['completed', 'failed'] as const)('that has %s is what BullMQ makes of it', async (state) => {
    const theirs = await enqueue();
    const process = async () => {
      if (state === 'completed') return 'completed';
      throw Object.assign(new UnrecoverableError('upstream_cut: the connection broke'), { stack: '' });
    };
    const worker = new Worker('jobs', process, { connection: redis, prefix: `{${keyPrefix}:queue}` });
    // No worker has said that it has a slot.
    await producer.recount();
    await untilState(theirs, state);
    await worker.close();
    // Nor has it said that the job's turn is over.
    await producer.recount();
    const ours = await enqueue();
    consume(ends[state]);
    await untilState(ours, state);
    expect(await traceOf(ours)).toEqual(await traceOf(theirs));
  });

  it('that older gateways made, with a priority of BullMQ’s, is taken, and so is what waits behind it', async () => {
    const old = createJobId();
    await queue.add('execute', {}, { jobId: old, priority: 3 });
    const stage = createStage();
    consume(stage.process);
    await stage.until(1);
    await untilState(old, 'completed');
    const next = await enqueue();
    await untilState(next, 'completed');
    expect(stage.taken).toEqual([old, next]);
  });

  it('whose lock was lost ends neither itself nor its turn', async () => {
    const jobId = await enqueue();
    const stage = createStage(true);
    consume(stage.process);
    await stage.until(1);
    await redis.set(key(`${jobId}:lock`), 'another worker');
    stage.letGo(jobId);
    await expect.poll(() => consumer?.load().running).toBe(0);
    await queue.getJobCounts('active');
    expect([await producer.running(TENANT), await queue.getJobState(jobId)]).toEqual([1, 'active']);
  });

  it('wakes nobody any more once it is taken and nothing waits behind it', async () => {
    const stage = createStage();
    consume(stage.process, 4);
    for (let count = 0; count < 3; count += 1) await untilState(await enqueue(), 'completed');
    expect(await redis.exists(key('marker'))).toBe(0);
  });
});

describe('entries', () => {
  it('that end together all end, and as many that wait are taken in their place', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 10; count += 1) ids.push(await enqueue());
    const stage = createStage(true);
    consume(stage.process, 4);
    for (const wave of [ids.slice(0, 4), ids.slice(4, 8)]) {
      await stage.until(ids.indexOf(wave[3] ?? '') + 1);
      for (const jobId of wave) stage.letGo(jobId);
    }
    await stage.until(10);
    expect(stage.taken).toEqual(ids);
    await untilState(ids[7] ?? '', 'completed');
    expect(await producer.running(TENANT)).toBe(2);
    expect((await queue.getJobCounts('completed')).completed).toBe(8);
    for (const jobId of ids) stage.letGo(jobId);
  });

  it('that have ended are kept for a while, and no more than about a thousand of them', async () => {
    const old = Array.from({ length: 1_100 }, (_, i) => `old-${i}`);
    const now = Date.now();
    await redis.zadd(key('completed'), ...old.flatMap((id, i) => [now - 1_100 + i, id]));
    await redis.zadd(key('completed'), now - 3_700_000, 'expired');
    await Promise.all([...old, 'expired'].map((id) => redis.hset(key(id), 'finishedOn', 1)));
    consume(ends.completed);
    for (let count = 0; count < 2; count += 1) await untilState(await enqueue(), 'completed');
    expect(await redis.zcard(key('completed'))).toBeLessThanOrEqual(1_020);
    const gone = [key('expired'), key('old-0'), key('old-50')];
    expect([await redis.exists(...gone), await redis.exists(key('old-1099'))]).toEqual([0, 1]);
  });
});
