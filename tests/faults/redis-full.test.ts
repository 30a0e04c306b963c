/** Redis × full × moment: what ends jobs is written while it is full; docs/reliability.md has the row. */
import type { TerminalEvent } from '@cc-executor/protocol';
import { describeViolations, type FaultProxy, needs, startFaultProxy } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { untilOutput, workerLost } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';

let faults: FaultStack;
/** Between the second gateway and Redis. */
let lateRedis: FaultProxy;
let client: RecordingClient;
/** Of the second gateway. */
let late: RecordingClient;

beforeEach(async (context) => {
  await needs('settings')(context);
  faults = await startFaultStack({ workers: 0 });
  lateRedis = await startFaultProxy({ target: { port: faults.redis.port }, protocol: 'redis' });
  await faults.startGateway({ REDIS_URL: lateRedis.url() });
  [client, late] = [await faults.client(0), await faults.client(1)];
});
afterEach(async () => {
  await faults?.close();
  await lateRedis?.close();
});

type Parts = Parameters<FaultStack['plan']>[0];
type Params = Partial<Parameters<RecordingClient['execute']>[0]>;

/** A job to which clients of both gateways listen. */
async function start(parts: Parts, params: Params = {}): Promise<string> {
  const jobId = await client.execute({ prompt: faults.plan(parts).prompt, ...params });
  await late.attach(jobId);
  return jobId;
}

/** The job's end, as clients of both gateways are told while Redis is full. */
async function endOf(jobId: string): Promise<TerminalEvent> {
  const [here, there] = await Promise.all([client.terminal(jobId), late.terminal(jobId)]);
  expect(there).toEqual(here);
  expect(await faults.redis.admin.info('memory')).toContain('maxmemory:1\r\n');
  return here;
}

async function until(jobId: string, type: string): Promise<void> {
  await client.wire.until(({ params }) => params?.jobId === jobId && params.type === type);
}

async function readiness(gateway: number): Promise<{ status: number; redis: { detail: string } }> {
  const response = await fetch(
    `${faults.stack.url(gateway).replace('ws:', 'http:').replace('/ws', '')}/ready`,
  );
  const { checks } = (await response.json()) as { checks: { redis: { detail: string } } };
  return { status: response.status, redis: checks.redis };
}

const streaming = { chunks: 1_000, paceMs: 10 };

test('redis · full · a b c d e f g: every job has its end while Redis is full, and so has everybody who listens; then all goes on', async () => {
  const doomed = await faults.startWorker({ WORKER_CONCURRENCY: '2' });
  const [lostClaimed, lostStreaming] = [await start({ ends: ['silent-headers'] }), await start(streaming)];
  await untilOutput(client, lostStreaming);
  await faults.upstream.untilCalls(2);
  await faults.startWorker({ WORKER_CONCURRENCY: '5' });
  const claimed = await start({ ends: ['silent-headers'] });
  const finishing = await start({ paceMs: 0, ends: ['pause-last'] });
  const kept = await start({ paceMs: 0, ends: ['pause'] });
  const cancelled = await start(streaming);
  const limited = await start(streaming, { timeouts: { totalMs: 5_000 } });
  for (const jobId of [finishing, kept, cancelled, limited]) await untilOutput(client, jobId);
  await faults.upstream.untilCalls(7);
  const queuedLate = await start({}, { timeouts: { queueMs: 3_000 } });
  const queuedCancelled = await start({});
  const queuedKept = await start({});

  const over = faults.recorder.fault('Redis full');
  await faults.redis.admin.config('SET', 'maxmemory', '1');
  await Promise.all([client, late].map(({ wire }) => wire.until(({ method }) => method === 'degraded')));
  const { error } = await client.wire.request('execute', { prompt: 'x' });
  expect(error).toMatchObject({
    message: expect.stringMatching(/^Redis is full/),
    data: { code: 'unavailable', retryAfterMs: expect.any(Number) },
  });
  for (const gateway of [0, 1]) {
    expect(await readiness(gateway)).toMatchObject({
      status: 200,
      redis: { detail: expect.stringContaining('Redis is full') },
    });
  }

  doomed.kill('SIGKILL');
  for (const jobId of [claimed, cancelled, queuedCancelled]) {
    expect(await client.cancel(jobId)).toMatchObject({ accepted: true });
  }
  await client.control('pause', kept);
  await until(kept, 'paused');
  // What the second gateway is told of this end comes after it is written.
  await lateRedis.set({ toClient: { hold: true } });
  faults.upstream.release();
  await client.terminal(finishing);
  lateRedis.cutAll('rst');
  await lateRedis.reset();
  await client.control('resume', kept);
  await until(kept, 'resumed');

  expect(await endOf(finishing)).toMatchObject({ type: 'completed', digest: expect.anything() });
  expect(await endOf(claimed)).toMatchObject({ type: 'cancelled', partial: false });
  expect(await endOf(cancelled)).toMatchObject({ type: 'cancelled', partial: true });
  expect(await endOf(queuedCancelled)).toMatchObject({ type: 'cancelled', partial: false, attempt: 1 });
  expect(await endOf(lostClaimed)).toMatchObject({ ...workerLost, partial: false });
  expect(await endOf(lostStreaming)).toMatchObject({ ...workerLost, partial: true });
  expect(await endOf(limited)).toMatchObject({ type: 'timed_out', limit: 'total', partial: true });
  expect(await endOf(queuedLate)).toMatchObject({ type: 'timed_out', limit: 'queue' });
  for (const jobId of [cancelled, limited]) expect(await endOf(jobId)).not.toHaveProperty('digest');
  const attacher = await faults.client(1);
  await attacher.attach(cancelled);
  expect(await attacher.terminal(cancelled)).toEqual(await endOf(cancelled));

  await faults.redis.admin.config('SET', 'maxmemory', '0');
  over();
  for (const jobId of [kept, queuedKept]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed', digest: expect.anything() });
  }
  await client.wire.until(({ method }) => method === 'restored');
  const again = await start({});
  expect(await client.terminal(again)).toMatchObject({ type: 'completed' });
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
});
