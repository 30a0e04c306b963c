import { createJobId } from '@cc-executor/protocol';
import { startTestRedis, type TestRedis, textsOf, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { completed, createRig, type Rig, TENANT, takeJob } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let client: WireClient;
let jobId: string;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  client = await rig.connect(await rig.gateway());
  jobId = (await client.request('execute', { prompt: 'x' })).result.jobId;
});
afterEach(() => rig.close());

const job = async () => (await client.request('get', { jobId })).result;

test('the wish to pause a queued job is kept for whoever begins it', async () => {
  expect((await client.request('pause', { jobId })).result).toEqual({ status: 'queued', accepted: true });
  expect(await job()).toMatchObject({ status: 'queued', pauseRequested: true });
  const begun = await rig.log.begin(jobId, 60_000, 'me');
  expect(begun).toMatchObject({ attempt: { pauseWish: true } });
});

test('of pause and resume the last one counts, however often each is asked', async () => {
  await takeJob(rig.log, jobId);
  for (const [method, pauseRequested] of [
    ['pause', true],
    ['pause', true],
    ['resume', false],
    ['resume', false],
    ['pause', true],
  ] as const) {
    const { result } = await client.request(method, { jobId });
    expect(result).toEqual({ status: 'running', accepted: true });
    expect(await job()).toMatchObject({ pauseRequested });
  }
  const page = await rig.log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 10, maxBytes: 1e6 });
  expect(textsOf(page)).toHaveLength(1);
});

test('a job that has ended is not paused, and the answer says how it ended', async () => {
  const attempt = await takeJob(rig.log, jobId);
  await attempt.end(completed);
  for (const method of ['pause', 'resume']) {
    expect((await client.request(method, { jobId })).result).toEqual({
      status: 'completed',
      accepted: false,
    });
    const { error } = await client.request(method, { jobId: createJobId() });
    expect(error.data.code).toBe('job_not_found');
  }
  expect(await job()).toMatchObject({ pauseRequested: false });
});
