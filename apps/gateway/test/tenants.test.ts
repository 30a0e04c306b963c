/**
 * What belongs to another tenant is answered for like what is not there, whatever is asked about it, by whichever door, and in
 * whichever state it is: by text, by code, and by how long that takes.
 */
import { randomUUID } from 'node:crypto';
import { createEpoch, createJobId, httpOperations, type Method, methods } from '@cc-executor/protocol';
import { needs, type WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
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
async function overHttp({ port }: TestGateway, name: 'jobId' | 'batchId', id: string): Promise<unknown[]> {
  const routes = Object.values(httpOperations).filter(({ path }) => path.includes(`{${name}}`));
  const all: unknown[] = [];
  for (const { method, path } of routes) {
    const url = `http://127.0.0.1:${port}${path.replace(`{${name}}`, id).replace('{seq}', '1')}`;
    const response = await fetch(url, { method });
    all.push([method, path, response.status, await response.text()]);
  }
  return all;
}

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

test('a batch', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const batchId = `batch_${randomUUID().replaceAll('-', '')}`;
  await gateway.redis.hset(rig.keys.batch(batchId), 'tenant', STRANGER, 'createdAt', 1, 'lastLine', 1);
  await gateway.redis.hset(rig.keys.batchLines(batchId), '1', createJobId());
  const missing = `batch_${randomUUID().replaceAll('-', '')}`;
  const asked = await overNative(client, 'batchId', batchId);
  expect(asked).toEqual(await overNative(client, 'batchId', missing));
  expect(asked).toHaveLength(3);
  const answers = await overHttp(gateway, 'batchId', batchId);
  expect(answers).toEqual(await overHttp(gateway, 'batchId', missing));
  expect(answers).toHaveLength(3);
  expect(await gateway.redis.hget(rig.keys.batch(batchId), 'cancelledAt')).toBeNull();
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
