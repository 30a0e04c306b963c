/** The worker's steps over a real Redis and a real queue: broken connections, an outage, a lease that lapsed. */
import { createKeys, createRedisSweep, type Keys } from '@cc-executor/job-log';
import { createProducer, startConsumer } from '@cc-executor/queue';
import { closeRedis, openRedis, type RedisConnection, RedisFaultError } from '@cc-executor/redis';
import { hearWishes } from '@cc-executor/signals';
import {
  createRedisWholeLog,
  needs,
  startTestRedis,
  type TestRedis,
  textsOf,
  uniquePrefix,
  type WholeLog,
} from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Bench,
  createBench,
  digest,
  end,
  failure,
  type Step,
  silent,
  started,
  success,
  TENANT,
  text,
  untilTrue,
} from './harness.ts';

const PIECES = 200;

let server: TestRedis;
let redis: RedisConnection;
let keyPrefix: string;
let keys: Keys;
let log: WholeLog;
const toClose: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startTestRedis({ appendonly: true, appendfsync: 'always' });
  keyPrefix = uniquePrefix();
  keys = createKeys(keyPrefix);
  redis = open('patient');
  log = createRedisWholeLog({ redis, keys, retentionMs: 60_000 });
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
  await closeRedis(redis);
  // The embedded server sees only after a moment that a client which waited in it has gone.
  const connections = async () => String(await server.admin.client('LIST')).split('\n');
  await expect
    .poll(async () => (await connections()).filter((line) => line.includes(keyPrefix)), { timeout: 10_000 })
    .toEqual([]);
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
    scripts: [pieces((i) => (i % 20 === 0 ? server.killClients('others') : undefined))],
  });
  expect((await job.process()).status).toBe('completed');
  await expectWhole(job);
});

test('an outage of Redis is waited out: the job goes on and ends as if nothing had been', async (context) => {
  await needs('persistence')(context);
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

describe('a full Redis', () => {
  beforeEach(needs('settings'));

  const setFull = (isFull: boolean) => server.admin.config('SET', 'maxmemory', isFull ? '1' : '0');
  const refusals = async () =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await server.admin.info('errorstats'))?.[1] ?? 0);
  /** Half of the answer stands in the log; the other half is refused. */
  const untilRefused: Step[] = [
    [started, text('half', true)],
    () => untilTrue(async () => textsOf(await log.range(TENANT, current.jobId, PAGE)).length === 3),
    () => setFull(true),
    [text('late')],
    () => untilTrue(async () => (await refusals()) > 0),
  ];
  const PAGE = { afterSeq: 0, maxEvents: 100, maxBytes: 1e6 };
  let current: Bench;

  async function run(options: Partial<Parameters<typeof createBench>[0]> & { end?: Step[] } = {}) {
    const { end = [], ...others } = options;
    current = await bench({ scripts: [[...untilRefused, ...end]], ...others });
    const processed = current.process();
    await untilTrue(async () => (await refusals()) > 0);
    return { job: current, processed };
  }

  async function expectEnd(job: Bench, end: object): Promise<void> {
    const events = await job.events();
    expect(events.map(({ type }) => type).slice(0, 3)).toEqual(['queued', 'started', 'output']);
    expect(events).toHaveLength(4);
    expect(events.at(-1)).toMatchObject({ seq: 4, partial: true, ...end });
    expect(events.at(-1)).not.toHaveProperty('digest');
    expect((await log.get(TENANT, job.jobId))?.job.endedAt).toBeGreaterThan(0);
  }

  test('takes the end of a job that is cancelled, without the output that it refused', async () => {
    const { job, processed } = await run();
    await log.cancel(TENANT, job.jobId, 'client');
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('cancelled');
    await expectEnd(job, { type: 'cancelled', by: 'client' });
  });

  test('takes the end of a job whose time is over', async () => {
    const { job, processed } = await run({ totalMs: 1_000 });
    expect((await processed).status).toBe('timed_out');
    await expectEnd(job, { type: 'timed_out', limit: 'total' });
  });

  test('takes the end of a job that failed, and of one that must be given up', async () => {
    const failed = await run({ end: [end(failure('claude_error', { digest }))] });
    expect((await failed.processed).status).toBe('failed');
    await expectEnd(failed.job, { type: 'failed', error: { code: 'claude_error' } });
    await setFull(false);
    await server.admin.config('RESETSTAT');
    const drained = await run();
    drained.job.drain.abort();
    expect((await drained.processed).error).toBe('worker_lost');
    await expectEnd(drained.job, { type: 'failed', error: { code: 'worker_lost' } });
  });

  test('is waited out by a job that completed, as long as it has time', async () => {
    const { job, processed } = await run({ end: [[success]] });
    await setFull(false);
    expect((await processed).status).toBe('completed');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'completed', seq: 5, digest });
  });

  test('makes a job that completed fail when its time is over', async () => {
    const { job, processed } = await run({ end: [[success]], totalMs: 1_000 });
    expect((await processed).error).toBe('redis_full');
    await expectEnd(job, { type: 'failed', error: { code: 'redis_full', retrySafe: false } });
  });
});

describe('a Redis that refuses for good', () => {
  /** A worker's own user, who may less and less. */
  async function openAsWorker(): Promise<{ log: WholeLog; allow: (...rules: string[]) => Promise<unknown> }> {
    const allow = (...rules: string[]) => server.admin.acl('SETUSER', 'worker', ...rules);
    await allow('on', '>pw', 'allkeys', 'allchannels', '+@all');
    const own = openRedis(server.url.replace('//', '//worker:pw@'), {
      name: `${keyPrefix}:worker`,
      role: 'patient',
      onError: () => {
        // None is expected: commands are refused, not connections.
      },
    });
    toClose.push(() => closeRedis(own));
    return { log: createRedisWholeLog({ redis: own, keys, retentionMs: 60_000 }), allow };
  }

  /** What the worker logs as errors, by message. */
  function watchErrors(job: Bench): string[] {
    const errors: string[] = [];
    const error = (_fields: object, message: string) => errors.push(message);
    const logger: typeof silent = Object.assign(Object.create(silent), { error, child: () => logger });
    job.context.logger = logger;
    return errors;
  }

  test('ends the attempt, which is logged once; the job gets its one terminal event from the sweeper', async (context) => {
    await needs('users')(context);
    const worker = await openAsWorker();
    const job = await bench({
      leaseMs: 60_000,
      scripts: [[[started, text('half', true)], () => worker.allow('-eval', '-evalsha'), [text('late')]]],
    });
    job.context.log = worker.log;
    const errors = watchErrors(job);
    expect(await job.process()).toEqual({ status: 'lost', error: 'lost: fault' });
    expect(errors).toEqual(['Redis will not do what the attempt needs']);
    expect(job.claudeApi.calls[0]?.ended).toBe(true);
    expect(await job.types()).not.toContain('failed');

    await server.admin.hset(keys.record(job.jobId), 'lease', 0);
    await server.admin.zadd(keys.due, 0, job.jobId);
    const sweep = createRedisSweep({ redis, keys, retentionMs: 60_000 });
    expect((await sweep.settle(job.jobId, await sweep.claim(1, 1_000))).code).toBe('ended');
    const types = await job.types();
    expect(types.filter((type) => type === 'failed')).toHaveLength(1);
    expect(types.at(-1)).toBe('failed');
  });

  test('for a moment: the job ends as internal, and says that its output is not whole', async (context) => {
    await needs('users')(context);
    const worker = await openAsWorker();
    const job = await bench({
      scripts: [[[started, text('half', true)], () => worker.allow('-eval', '-evalsha'), [text('late')]]],
    });
    // Put right as soon as the attempt has heard of it.
    const append: WholeLog['append'] = async (batch) => {
      try {
        return await worker.log.append(batch);
      } catch (error) {
        await worker.allow('+eval', '+evalsha');
        throw error;
      }
    };
    job.context.log = { ...worker.log, append };
    const errors = watchErrors(job);
    expect(await job.process()).toMatchObject({ status: 'failed', error: 'internal' });
    expect(errors).toEqual(['Redis will not do what the attempt needs']);
    const events = await job.events();
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'internal' } });
    expect(events.filter(({ type }) => type === 'failed')).toHaveLength(1);
  });

  test('at the begin: nothing is called, and the queue entry is let go', async () => {
    const job = await bench({ scripts: [[[started, success]]] });
    await server.admin.del(keys.record(job.jobId));
    await server.admin.set(keys.record(job.jobId), 'no record');
    const errors = watchErrors(job);
    expect(await job.process()).toEqual({ status: 'lost', error: 'lost: fault' });
    expect(errors).toEqual(['the job cannot begin']);
    expect(job.claudeApi.calls).toEqual([]);
  });

  test('while a job is handed back: it ends', async () => {
    const job = await bench({ scripts: [[[started]]] });
    const release = () => Promise.reject(new RedisFaultError('NOPERM', new Error('NOPERM')));
    job.context.log = { ...log, release };
    job.drain.abort();
    expect(await job.process()).toMatchObject({ status: 'failed', error: 'internal' });
    expect((await job.types()).at(-1)).toBe('failed');
  });
});

test('scripts that Redis forgets are loaded again: nothing is lost by it', async () => {
  const job = await bench({
    scripts: [pieces((i) => (i % 10 === 0 ? server.admin.script('FLUSH') : undefined))],
  });
  expect((await job.process()).status).toBe('completed');
  await expectWhole(job);
});

test('a cancel reaches the worker over the control channel at once', async () => {
  const job = await bench({ scripts: [[[started]]] });
  const subscriber = open('subscriber');
  toClose.push(() => closeRedis(subscriber));
  const onRefused = (error: unknown) => {
    throw error;
  };
  hearWishes({ subscriber, keyPrefix, onWish: job.context.leases.check, onRefused });
  await untilTrue(async () => (await server.channels()).includes(keys.control));
  const processed = job.process();
  await untilTrue(async () => (await job.types()).includes('started'));
  await log.cancel(TENANT, job.jobId, 'client');
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
    maxWaiting: 0,
    process: (jobId) => byId.get(jobId)?.process() ?? Promise.reject(new Error('unknown job')),
    onError,
  });
  toClose.push(() => closeRedis(queueRedis), producer.close, consumer.close);
  for (const { jobId } of jobs) {
    await producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
    await producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
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
