/** Faults while a job is paused, or is to be. */
import { createKeys } from '@cc-executor/job-log';
import { describeViolations } from '@cc-executor/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';
import { untilOutput, workerLost } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const env = { WORKER_DRAIN_GRACE_MS: '200' };
const stack = shareFaultStack(() => startFaultStack({ gateways: 2, env }));
let faults: FaultStack;
beforeEach(() => {
  faults = stack();
});

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

type Params = Partial<Parameters<RecordingClient['execute']>[0]>;

/** A job that has put something out, and would put out more for seconds. */
async function startStreaming(client: RecordingClient, params: Params = {}): Promise<string> {
  const { prompt } = faults.plan({ chunks: 100, paceMs: 20 });
  const jobId = await client.execute({ prompt, ...params });
  await untilOutput(client, jobId);
  return jobId;
}

/** Resolves with the seq of the job's first event of this type after a position. */
async function untilEvent(
  client: RecordingClient,
  jobId: string,
  type: string,
  afterSeq = 0,
): Promise<number> {
  const { params } = await client.wire.until(
    ({ params: event }) => event?.jobId === jobId && event.type === type && event.seq > afterSeq,
  );
  return params.seq;
}

async function pause(client: RecordingClient, jobId: string): Promise<number> {
  const { result } = await client.wire.request('pause', { jobId });
  expect(result).toEqual({ status: 'running', accepted: true });
  return untilEvent(client, jobId, 'paused');
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(holds, { interval: 20, timeout: 30_000 }).toBe(true);
}

const types = (client: RecordingClient, jobId: string, afterSeq: number) =>
  client.wire
    .events(jobId)
    .filter(({ seq }) => seq > afterSeq)
    .map(({ type }) => type);

describe('a process that dies', () => {
  test('worker · SIGKILL · d: a paused job ends as worker_lost, once and for everybody', async () => {
    const [worker] = faults.stack.workers;
    const [one, other] = [await faults.client(0), await faults.client(1)];
    const jobId = await startStreaming(one);
    await other.attach(jobId);
    const pausedSeq = await pause(one, jobId);
    const over = faults.recorder.fault('worker SIGKILL');
    worker?.kill('SIGKILL');
    await worker?.exited;
    over();
    const [first, second] = await Promise.all([one.terminal(jobId), other.terminal(jobId)]);
    expect(first).toMatchObject({ ...workerLost, partial: true });
    expect(second).toEqual(first);
    expect(types(one, jobId, pausedSeq)).toEqual(['failed']);
    await faults.startWorker();
    await expectNoViolations();
  });

  test('worker · SIGKILL · d: a paused job that may be repeated is begun anew, paused as is wished, and goes on', async () => {
    const [worker] = faults.stack.workers;
    const client = await faults.client();
    const jobId = await startStreaming(client, { retry: 'always' });
    const pausedSeq = await pause(client, jobId);
    const over = faults.recorder.fault('worker SIGKILL');
    worker?.kill('SIGKILL');
    await worker?.exited;
    over();
    await faults.startWorker();
    const againSeq = await untilEvent(client, jobId, 'paused', pausedSeq);
    expect(types(client, jobId, pausedSeq).slice(0, 2)).toEqual(['reset', 'started']);
    await client.wire.request('resume', { jobId });
    await untilEvent(client, jobId, 'resumed', againSeq);
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
    await expectNoViolations();
  });

  test('worker · SIGTERM past the grace · d: a paused job is ended, or handed back, within the grace', async () => {
    const [worker] = faults.stack.workers;
    const client = await faults.client();
    const [safe, always] = [await startStreaming(client), await startStreaming(client, { retry: 'always' })];
    await pause(client, safe);
    const pausedSeq = await pause(client, always);
    const over = faults.recorder.fault('worker SIGTERM');
    const startedAt = Date.now();
    worker?.kill('SIGTERM');
    expect(await worker?.exited).toEqual({ code: 0, signal: null });
    expect(Date.now() - startedAt).toBeLessThan(200 + 2 * LEASE_MS);
    over();
    expect(await client.terminal(safe)).toMatchObject(workerLost);
    await faults.startWorker();
    await untilEvent(client, always, 'paused', pausedSeq);
    await client.wire.request('resume', { jobId: always });
    expect(await client.terminal(always)).toMatchObject({ type: 'completed' });
    await expectNoViolations();
  });

  test('a pause outlives its leases, an outage of Redis and the gateway that took it, and is resumed through another', async () => {
    const [one, other] = [await faults.client(0), await faults.client(1)];
    const jobId = await startStreaming(one);
    await other.attach(jobId);
    const pausedSeq = await pause(one, jobId);
    const over = faults.recorder.fault('worker-Redis held, gateway SIGKILL');
    await faults.proxies.workerRedis.set({ toTarget: { hold: true } });
    faults.stack.gateways[0]?.kill('SIGKILL');
    await faults.stack.gateways[0]?.exited;
    const lease = async () => Number(await faults.redis.admin.hget(createKeys('cce').record(jobId), 'lease'));
    // A worker that is heard renews it earlier than that.
    await until(async () => (await lease()) - Date.now() < LEASE_MS / 2);
    await faults.proxies.workerRedis.reset();
    over();
    const before = await lease();
    await until(async () => (await lease()) >= before + 2 * LEASE_MS);
    expect(types(other, jobId, pausedSeq)).toEqual([]);
    await other.wire.request('resume', { jobId });
    expect(await other.terminal(jobId)).toMatchObject({ type: 'completed' });
    expect(types(other, jobId, pausedSeq)[0]).toBe('resumed');
    await expectNoViolations();
  });
});

describe('processes that all live', () => {
  test('a pause whose publication was lost is found within a lease, and so is its end', async () => {
    const client = await faults.client();
    const { prompt } = faults.plan({ chunks: 2, ends: ['pause'] });
    const jobId = await client.execute({ prompt });
    await untilOutput(client, jobId);
    // Recorded, and told to nobody. Upstream is silent, so that no write brings the news either.
    const record = createKeys('cce').record(jobId);
    const recordedAt = Date.now();
    await faults.redis.admin.hset(record, 'pauseWish', '1');
    await untilEvent(client, jobId, 'paused');
    await faults.redis.admin.hdel(record, 'pauseWish');
    await untilEvent(client, jobId, 'resumed');
    expect(Date.now() - recordedAt).toBeLessThan(2 * LEASE_MS);
    faults.upstream.release();
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
    await expectNoViolations();
  });

  test('a claude-api that breaks off while it is paused ends the job as upstream_cut', async () => {
    const client = await faults.client();
    const jobId = await startStreaming(client);
    const pausedSeq = await pause(client, jobId);
    const over = faults.recorder.fault('claude-api RST');
    faults.proxies.upstream.cutAll('rst');
    over();
    expect(await client.terminal(jobId)).toMatchObject({ type: 'failed', error: { code: 'upstream_cut' } });
    expect(types(client, jobId, pausedSeq)).toEqual(['failed']);
    await expectNoViolations();
  });

  test('a claude-api that cannot pause is no harm: the log says so, and the job goes on', async () => {
    const client = await faults.client();
    faults.upstream.answerControl(405);
    const jobId = await startStreaming(client);
    await client.wire.request('pause', { jobId });
    await untilEvent(client, jobId, 'pause_refused');
    expect((await client.wire.request('get', { jobId })).result).toMatchObject({ pauseRequested: false });
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
    const refusals = client.wire.events(jobId).filter(({ type }) => type === 'pause_refused');
    expect(refusals).toMatchObject([{ request: 'pause', reason: expect.stringContaining('405') }]);
    await expectNoViolations();
  });
});
