/** The worker's steps over a real Redis and a real queue: broken connections, an outage, a lease that lapsed. */
import {
  createKeys,
  createRedisJobLog,
  createRedisSweep,
  type JobLog,
  type Keys,
} from '@cc-executor/job-log';
import { createProducer, startConsumer } from '@cc-executor/queue';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { hearWishes } from '@cc-executor/signals';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bench, createBench, type Step, started, success, text, untilTrue } from './harness.ts';

const PIECES = 200;

let server: TestRedis;
let redis: RedisConnection;
let keyPrefix: string;
let keys: Keys;
let log: JobLog;
const toClose: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startTestRedis({ appendonly: true });
  await server.admin.config('SET', 'appendfsync', 'always');
  keyPrefix = uniquePrefix();
  keys = createKeys(keyPrefix);
  redis = open('patient');
  log = createRedisJobLog({ redis, keys, retentionMs: 60_000 });
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
  await closeRedis(redis);
  const connections = String(await server.admin.client('LIST')).split('\n');
  expect(connections.filter((line) => line.includes(keyPrefix))).toEqual([]);
  await server.close();
});

function open(role: 'patient' | 'subscriber'): RedisConnection {
  return openRedis(server.url, {
    name: `${keyPrefix}:${role}`,
    role,
    onError: () => {
      // Tests break connections; what becomes of the job is what they look at.
    },
  });
}

async function bench(...args: Parameters<typeof createBench>): Promise<Bench> {
  const made = await createBench({ log, ...args[0] });
  toClose.push(made.close);
  return made;
}

/** Pieces of text, each in a batch of its own; `after` is done behind a piece. */
function pieces(after: (piece: number) => Promise<unknown> | undefined): Step[] {
  const steps: Step[] = [[started]];
  for (let i = 0; i < PIECES; i += 1) {
    steps.push([text(`${i} `, i === 0)]);
    steps.push(() => after(i));
  }
  return [...steps, [success]];
}

async function expectWhole(job: Bench): Promise<void> {
  const events = await job.events();
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: PIECES + 3 }, (_, i) => i + 1));
  const texts = events.flatMap((event) => (event.type === 'output' ? [event.text] : []));
  expect(texts).toEqual(Array.from({ length: PIECES }, (_, i) => `${i} `));
  expect(events.at(-1)?.type).toBe('completed');
}

test('connections that break in the midst of writing cost nothing: every event once, in order', async () => {
  const job = await bench({
    scripts: [
      pieces((i) =>
        i % 20 === 0 ? server.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') : undefined,
      ),
    ],
  });
  expect((await job.process()).status).toBe('completed');
  await expectWhole(job);
});

test('an outage of Redis is waited out: the job goes on and ends as if nothing had been', async () => {
  const job = await bench({
    scripts: [
      pieces((i) => {
        if (i === 50) return server.kill();
        // Upstream goes on while Redis is away.
        return i === 120 ? server.start() : undefined;
      }),
    ],
  });
  expect((await job.process()).status).toBe('completed');
  await expectWhole(job);
});

test('a worker that stood still for longer than its lease is fenced off: its write is refused, its call ends', async () => {
  const gate = Promise.withResolvers<void>();
  const job = await bench({ scripts: [[[started, text('half', true)], gate.promise, [text('late')]]] });
  // Its timers stand still as well: nothing renews.
  job.close();
  job.context.leaseMs = 50;
  const processed = job.process();
  await untilTrue(async () => (await job.types()).includes('output'));
  const sweep = createRedisSweep({ redis, keys, retentionMs: 60_000 });
  await untilTrue(async () => {
    await server.admin.zadd(keys.due, 0, job.jobId);
    return (await sweep.settle(job.jobId, await sweep.claim(1, 1_000))).code === 'ended';
  });
  gate.resolve();
  expect(await processed).toEqual({ status: 'lost', error: 'lost: fenced' });
  const events = await job.events();
  expect(events.map(({ type }) => type)).toEqual(['queued', 'started', 'output', 'failed']);
  expect(events.at(-1)).toMatchObject({ attempt: 2, error: { code: 'worker_lost' }, partial: true });
  expect(job.claudeApi.calls[0]).toMatchObject({ ended: true });
});

test('a cancel reaches the worker over the control channel at once', async () => {
  const job = await bench({ scripts: [[[started]]] });
  const subscriber = open('subscriber');
  toClose.push(() => closeRedis(subscriber));
  hearWishes({ subscriber, keyPrefix, onWish: job.context.leases.check });
  await untilTrue(async () => (await server.channels()).includes(keys.control));
  const processed = job.process();
  await untilTrue(async () => (await job.types()).includes('started'));
  await log.cancel(job.jobId, 'client');
  expect((await processed).status).toBe('cancelled');
});

test('from the queue: jobs are taken once each, and the queue is told how each ended', async () => {
  const jobs = await Promise.all(
    Array.from({ length: 10 }, () => bench({ scripts: [[[started, success]]] })),
  );
  const byId = new Map(jobs.map((job) => [job.jobId, job]));
  const queueRedis = open('patient');
  const onError = () => {
    // None is expected; an entry that is not processed would show.
  };
  const producer = createProducer({ redis, keyPrefix, onError });
  const consumer = startConsumer({
    redis: queueRedis,
    keyPrefix,
    concurrency: 4,
    process: (jobId) => byId.get(jobId)?.process() ?? Promise.reject(new Error('unknown job')),
    onError,
  });
  toClose.push(() => closeRedis(queueRedis), producer.close, consumer.close);
  for (const { jobId } of jobs) {
    await producer.enqueue(jobId);
    await producer.enqueue(jobId);
  }
  await untilTrue(async () => {
    const types = await Promise.all(jobs.map((job) => job.types()));
    return types.every((of) => of.includes('completed'));
  });
  for (const job of jobs) {
    expect(await job.types()).toEqual(['queued', 'started', 'completed']);
    expect(job.claudeApi.calls).toHaveLength(1);
  }
});
