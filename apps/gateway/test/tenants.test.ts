/**
 * What belongs to another tenant is answered for like what is not there, whatever is asked about it, by whichever door, and in
 * whichever state it is: by text, by code, and by how long that takes.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FilesAnswer } from '@cc-executor/claude-api-client';
import type { Identity, Limits } from '@cc-executor/identity';
import { createEpoch, createJobId, httpOperations, type Method, methods } from '@cc-executor/protocol';
import { connectWire, needs, type WireClient } from '@cc-executor/testing';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFiles } from '../src/operations/files.ts';
import { completed, provideRig, type Rig, type TestGateway, takeJob, untilTrue } from './harness.ts';

let rig: Rig;

provideRig((made) => {
  rig = made;
});

const STRANGER = 'stranger';

/** As large as one may be, so that what is read of it for nothing is felt. */
async function createForeignJob(onDisconnect: 'cancel' | 'continue' = 'continue'): Promise<string> {
  const jobId = createJobId();
  await rig.log.create({
    jobId,
    epoch: createEpoch(),
    tenant: STRANGER,
    spec: {
      ...{ prompt: 'a secret'.repeat(25_000), onDisconnect, metadata: { note: 'n'.repeat(4_000) } },
      webhook: { url: 'https://example.com/hook' },
    },
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'safe',
    title: 'a secret',
  });
  return jobId;
}

const states: Record<string, (jobId: string) => Promise<unknown>> = {
  queued: async () => undefined,
  running: (jobId) => takeJob(rig.log, jobId),
  paused: async (jobId) => {
    const { fence } = await takeJob(rig.log, jobId);
    const change = { code: 'paused' as const, limitMs: 60_000 };
    const bodies = ['{"type":"paused","limitMs":60000}'];
    await rig.log.append({ jobId, fence, firstSeq: 2, bodies, hasOutput: false, change });
  },
  completed: async (jobId) => (await takeJob(rig.log, jobId)).end(completed),
  cancelled: (jobId) => rig.log.cancel(STRANGER, jobId, 'client'),
};

const further: Partial<Record<Method, object>> = { eventBody: { seq: 1 } };
const methodsOfOne = (name: 'jobId' | 'batchId') =>
  (Object.keys(methods) as Method[]).filter((method) => name in methods[method].params.shape);

async function overNative(
  client: WireClient,
  name: 'jobId' | 'batchId',
  id: string,
): Promise<[Method, unknown][]> {
  const all: [Method, unknown][] = [];
  for (const method of methodsOfOne(name)) {
    const { result, error } = await client.request(method, { [name]: id, ...further[method] });
    all.push([method, result ?? error]);
  }
  return all;
}

/** Every route that names one job, or one batch. */
async function overHttp(
  { port }: TestGateway,
  name: 'jobId' | 'batchId',
  id: string,
  { headers = {}, but }: { headers?: Record<string, string>; but?: string } = {},
): Promise<[string, string, number, string][]> {
  const routes = routesOfOne(name).filter(({ path }) => !(but && path.endsWith(but)));
  const all: [string, string, number, string][] = [];
  for (const route of routes) {
    const response = await fetch(urlOf(port, route, id), { method: route.method, headers });
    all.push([route.method, route.path, response.status, await response.text()]);
  }
  return all;
}

const routesOfOne = (name: 'jobId' | 'batchId') =>
  Object.values(httpOperations).filter(({ path }) => path.includes(`{${name}}`));

const urlOf = (port: number, { path }: { path: string }, id: string) =>
  `http://127.0.0.1:${port}${path.replace('{seq}', '1').replace(/\{\w+\}/, id)}`;

test.each(Object.keys(states))('a job that is %s', async (state) => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const jobId = await createForeignJob();
  await states[state]?.(jobId);
  const before = await rig.log.get(STRANGER, jobId);
  const asked = await overNative(client, 'jobId', jobId);
  expect(asked).toEqual(await overNative(client, 'jobId', createJobId()));
  expect(asked.map(([method]) => method)).toEqual(
    expect.arrayContaining(['attach', 'verify', 'redeliver', 'rerun']),
  );
  const answers = await overHttp(gateway, 'jobId', jobId);
  expect(answers).toEqual(await overHttp(gateway, 'jobId', createJobId()));
  expect(answers.length).toBeGreaterThan(8);
  expect((await client.request('list')).result.jobs).toEqual([]);
  expect((await client.request('cancelMany', { idPrefix: jobId })).result.jobs).toEqual([]);
  expect(await rig.log.get(STRANGER, jobId)).toEqual(before);
  expect(await rig.countListeners(jobId)).toBe(0);
});

const createBatchId = () => `batch_${randomUUID().replaceAll('-', '')}`;

async function createForeignBatch({ redis }: TestGateway): Promise<string> {
  const batchId = createBatchId();
  await redis.hset(rig.keys.batch(batchId), 'tenant', STRANGER, 'createdAt', 1, 'lastLine', 1);
  await redis.hset(rig.keys.batchLines(batchId), '1', createJobId());
  return batchId;
}

test('a batch', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const batchId = await createForeignBatch(gateway);
  const missing = createBatchId();
  const asked = await overNative(client, 'batchId', batchId);
  expect(asked).toEqual(await overNative(client, 'batchId', missing));
  expect(asked).toHaveLength(3);
  const answers = await overHttp(gateway, 'batchId', batchId);
  expect(answers).toEqual(await overHttp(gateway, 'batchId', missing));
  expect(answers).toHaveLength(3);
  expect(await gateway.redis.hget(rig.keys.batch(batchId), 'cancelledAt')).toBeNull();
});

describe('a key with the scope admin', () => {
  const admin: Identity = {
    tenant: 'operators',
    scopes: ['admin'],
    who: 'key_0',
    proof: { kind: 'key', id: 'key_0', secret: '' },
  };
  const headers = { authorization: 'Bearer anything' };
  let gateway: TestGateway;
  let client: WireClient;

  /** Of claude-api: which execution, and whose, a diff was wanted of. */
  let diffed: unknown[];
  let limits: Limits;

  beforeEach(async () => {
    const standing = () => 'good' as const;
    [diffed, limits] = [[], {}];
    const claudeApi = {
      files: () => Promise.reject(new Error('no files are asked for')),
      async diff(...[executionId, tenant]: [string, string, AbortSignal]): Promise<FilesAnswer> {
        diffed.push([executionId, tenant]);
        return { status: 200, headers: {}, body: Readable.from([Buffer.from('diff')]) };
      },
    };
    gateway = await rig.gateway({
      keyring: { identify: () => admin, standing, termsOf: () => ({ tenant: {}, key: limits }) },
      files: createFiles({ claudeApi }),
    });
    client = await connectWire(gateway.url, { headers });
  });
  afterEach(() => client.close());

  const NOT_FOUND = ['job_not_found', 'batch_not_found', 'forbidden', 'unauthenticated'];

  test.each(Object.keys(states))('is answered about a %s job as its tenant is', async (state) => {
    const jobId = await createForeignJob();
    await states[state]?.(jobId);
    const { result } = await client.request('get', { jobId });
    expect(result).toMatchObject({ jobId, tenant: STRANGER, title: 'a secret' });
    expect((await client.request('list')).result.jobs).toMatchObject([{ jobId, tenant: STRANGER }]);
    expect((await client.request('list', { tenant: STRANGER })).result.jobs).toHaveLength(1);
    expect((await client.request('list', { tenant: 'operators' })).result.jobs).toEqual([]);
    expect((await client.request('count')).result.jobs).toBe(1);
    for (const [method, answer] of await overNative(client, 'jobId', jobId)) {
      expect(NOT_FOUND, method).not.toContain((answer as { data?: { code: string } }).data?.code);
    }
    // One that runs on has a stream without an end.
    for (const [method, path, status] of await overHttp(gateway, 'jobId', jobId, {
      headers,
      but: '/events',
    })) {
      expect([401, 403], `${method} ${path}`).not.toContain(status);
    }
    // What became of it is the tenant's: it is cancelled, and what was run again is as the first was.
    const jobs = await rig.log.list(STRANGER, { limit: 10 });
    expect(jobs.jobs.map(({ rerunOf }) => rerunOf)).toEqual([jobId, jobId, undefined]);
    expect((await rig.log.get(STRANGER, jobId))?.job).toSatisfy(
      ({ cancelRequested, endedAt }) => cancelRequested || endedAt !== undefined,
    );
    expect((await rig.log.list('operators', { limit: 10 })).jobs).toEqual([]);
  });

  test('listens to it, and is handed its end', async () => {
    const jobId = await createForeignJob();
    await client.request('attach', { jobId });
    await (await takeJob(rig.log, jobId)).end(completed);
    expect((await client.untilTerminal(jobId)).at(-1)).toMatchObject({ type: 'completed' });
    await untilTrue(async () => (await rig.log.get(STRANGER, jobId))?.listeners[0]?.state === 'ended');
  });

  test('cancels what it finds, and nothing of another tenant than it names', async () => {
    const jobId = await createForeignJob();
    expect((await client.request('cancelMany', { tenant: 'others' })).result.jobs).toEqual([]);
    const { result } = await client.request('cancelMany', { status: 'queued' });
    expect(result.jobs).toEqual([{ jobId, status: 'cancelled', accepted: true }]);
    expect((await rig.log.get(STRANGER, jobId))?.job.status).toBe('cancelled');
  });

  test('is shown what it has changed, as its tenant is', async () => {
    const jobId = await createForeignJob();
    const diff = { bytes: 4, files: 1, sha256: '0'.repeat(64) };
    await (await takeJob(rig.log, jobId)).end({ ...completed, executionId: 'execution-1', diff });
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/jobs/${jobId}/diff`, { headers });
    expect([response.status, await response.text()]).toEqual([200, 'diff']);
    expect(diffed).toEqual([['execution-1', STRANGER]]);
  });

  test('has its own limits once, however many tenants it acts for', async () => {
    limits = { jobs: 1 };
    const jobId = await createForeignJob();
    expect((await client.request('rerun', { jobId, attach: false })).error).toBeUndefined();
    const { error } = await client.request('execute', { prompt: 'x', attach: false });
    expect(error.data.code).toBe('quota_exceeded');
  });

  test('may look at a batch, and cancel it', async () => {
    const batchId = await createForeignBatch(gateway);
    for (const [method, answer] of await overNative(client, 'batchId', batchId)) {
      expect(NOT_FOUND, method).not.toContain((answer as { data?: { code: string } }).data?.code);
    }
    expect(await gateway.redis.hget(rig.keys.batch(batchId), 'cancelledAt')).not.toBeNull();
  });
});

test('to name another tenant is forbidden, be there one or not; to name the own one is not', async () => {
  const client = await rig.connect(await rig.gateway());
  await createForeignJob();
  for (const method of ['list', 'count', 'cancelMany']) {
    const refusals = [STRANGER, 'nobody'].map((tenant) => client.request(method, { tenant }));
    for (const { error } of await Promise.all(refusals)) expect(error.data.code, method).toBe('forbidden');
    expect((await client.request(method, { tenant: 'default' })).error).toBeUndefined();
    expect((await client.request(method, { tenant: '*' })).error.data.code).toBe('forbidden');
  }
});

/** What a request has Redis told, and tell, in bytes, when its scripts are known there. */
async function trafficOf({ redis }: TestGateway, request: () => Promise<unknown>): Promise<[number, number]> {
  await request();
  const { stream } = redis as Redis;
  const [read, written] = [stream.bytesRead, stream.bytesWritten];
  await request();
  return [stream.bytesRead - read, stream.bytesWritten - written];
}

test('has Redis tell as little as one that is not there, at both doors', async () => {
  const quiet = { room: () => 'enough' as const, memory: () => undefined, close: () => undefined };
  const gateway = await rig.gateway({
    // That one asks Redis by itself.
    roomWatch: { ...quiet, onChange: () => () => undefined, look: async () => undefined },
  });
  const client = await rig.connect(gateway);
  const jobId = await createForeignJob();
  await states.completed?.(jobId);
  const batchId = await createForeignBatch(gateway);
  for (const [name, foreign, missing] of [
    ['jobId', jobId, createJobId()],
    ['batchId', batchId, createBatchId()],
  ] as const) {
    for (const method of methodsOfOne(name)) {
      const ask = (id: string) => () => client.request(method, { [name]: id, ...further[method] });
      const traffic = await trafficOf(gateway, ask(foreign));
      expect(traffic, method).toEqual(await trafficOf(gateway, ask(missing)));
      if (method !== 'detach') expect(traffic[0], method).toBeGreaterThan(0);
    }
    for (const route of routesOfOne(name)) {
      const ask = (id: string) => async () =>
        (await fetch(urlOf(gateway.port, route, id), { method: route.method })).text();
      const traffic = await trafficOf(gateway, ask(foreign));
      expect(traffic, `${route.method} ${route.path}`).toEqual(await trafficOf(gateway, ask(missing)));
    }
  }
});

/** How often one of `a` took longer than one of `b`: a half where both are alike (the statistic of Mann and Whitney). */
function longerOften(a: readonly number[], b: readonly number[]): number {
  const won = a.flatMap((one) => b.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)));
  return won.reduce<number>((sum, each) => sum + each, 0) / won.length;
}

test('takes as long as one that is not there', async (context) => {
  await needs('throughput')(context);
  const client = await rig.connect(await rig.gateway());
  const jobId = await createForeignJob();
  await states.completed?.(jobId);
  // The deviation of the statistic is 0.03 with so many: what lies six of them away is no accident, and one round trip to Redis more
  // is far beyond.
  const [samples, bound] = [200, 0.18];
  const took = async (method: Method, id: string) => {
    const startedAt = performance.now();
    await client.request(method, { jobId: id, ...further[method] });
    return performance.now() - startedAt;
  };
  const tellable: unknown[] = [];
  for (const method of methodsOfOne('jobId')) {
    const [foreign, missing]: [number[], number[]] = [[], []];
    for (let i = 0; i < samples; i += 1) {
      // By turns, each first as often as the other: whatever else goes on is shared.
      if (i % 2 === 0) foreign.push(await took(method, jobId));
      missing.push(await took(method, createJobId()));
      if (i % 2 === 1) foreign.push(await took(method, jobId));
    }
    const often = longerOften(foreign, missing);
    if (Math.abs(often - 0.5) > bound) tellable.push({ method, often });
  }
  expect(tellable).toEqual([]);
});

test('whoever asks for it cannot keep it from being abandoned', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await createForeignJob('cancel');
  gateway.abandonWatch.suspect({ tenant: STRANGER, jobId });
  const { error } = await client.request('attach', { jobId });
  expect(error.data.code).toBe('job_not_found');
  await untilTrue(async () => (await rig.log.get(STRANGER, jobId))?.job.status === 'cancelled');
});
