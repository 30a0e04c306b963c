/** What waits holds no slot: others run meanwhile, and whoever dies, each job has its end. */
import { describeViolations } from '@cc-executor/testing';
import { beforeEach, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { untilOutput, workerLost } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const MAX_WAITING = 3;
const env = {
  WORKER_CONCURRENCY: '1',
  WORKER_MAX_WAITING: String(MAX_WAITING),
  WORKER_DRAIN_GRACE_MS: '200',
};

const stack = shareFaultStack(() => startFaultStack({ direct: true, env }));
let faults: FaultStack;
beforeEach(() => {
  faults = stack();
});

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

async function untilEvent(client: RecordingClient, jobId: string, type: string, count = 1): Promise<void> {
  const { wire } = client;
  await wire.until(() => wire.events(jobId).filter((event) => event.type === type).length >= count);
}

/** A job that has begun, and stands still. */
async function startPaused(
  client: RecordingClient,
  params: Partial<Parameters<RecordingClient['execute']>[0]> = {},
): Promise<string> {
  const { prompt } = faults.plan({ chunks: 40 });
  const jobId = await client.execute({ prompt, ...params });
  await untilOutput(client, jobId);
  await client.control('pause', jobId);
  await untilEvent(client, jobId, 'paused');
  return jobId;
}

test('beside a paused job another runs to its end in the only slot; the first goes on, and ends', async () => {
  const client = await faults.client();
  const paused = await startPaused(client);
  const other = await client.execute({ prompt: faults.plan().prompt });
  expect(await client.terminal(other)).toMatchObject({ type: 'completed' });
  // It goes on at once, though the slot is taken.
  const running = await client.execute({ prompt: faults.plan({ ends: ['pause', 'complete'] }).prompt });
  await untilOutput(client, running);
  await client.control('resume', paused);
  expect(await client.terminal(paused)).toMatchObject({ type: 'completed' });
  faults.upstream.release();
  expect(await client.terminal(running)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('beside a job whose workspace is in use another runs', async () => {
  const client = await faults.client();
  const busy = { status: 409, retryAfterS: 3 } as const;
  const waiting = await client.execute({ prompt: faults.plan({ ends: [busy, 'complete'] }).prompt });
  await untilEvent(client, waiting, 'throttled');
  const other = await client.execute({ prompt: faults.plan({ chunks: 2 }).prompt });
  expect(await client.terminal(other)).toMatchObject({ type: 'completed' });
  expect(client.wire.events(waiting).at(-1)).toMatchObject({ type: 'throttled' });
  expect(await client.terminal(waiting)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('beyond the bound a pause is refused, and the job goes on', async () => {
  const client = await faults.client();
  const paused: string[] = [];
  while (paused.length < MAX_WAITING) paused.push(await startPaused(client));
  const next = await client.execute({ prompt: faults.plan({ chunks: 40 }).prompt });
  await untilOutput(client, next);
  await client.control('pause', next);
  await untilEvent(client, next, 'pause_refused');
  expect(await client.terminal(next)).toMatchObject({ type: 'completed' });
  for (const jobId of paused) {
    await client.control('resume', jobId);
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  await expectNoViolations();
});

test('worker · SIGKILL · d: of one with more jobs than slots, each ends, or is begun anew, paused as is wished', async () => {
  const [worker] = faults.stack.workers;
  const client = await faults.client();
  const safe = await startPaused(client);
  const always = await startPaused(client, { retry: 'always' });
  const running = await client.execute({ prompt: faults.plan({ chunks: 1_000 }).prompt });
  await untilOutput(client, running);
  const over = faults.recorder.fault('worker SIGKILL');
  worker?.kill('SIGKILL');
  await worker?.exited;
  over();
  for (const jobId of [safe, running]) expect(await client.terminal(jobId)).toMatchObject(workerLost);
  await faults.startWorker();
  await untilEvent(client, always, 'paused', 2);
  const next = await client.execute({ prompt: faults.plan({ chunks: 2 }).prompt });
  expect(await client.terminal(next)).toMatchObject({ type: 'completed' });
  await client.control('resume', always);
  expect(await client.terminal(always)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('a drain ends jobs that wait within the grace, as those that run', async () => {
  const [worker] = faults.stack.workers;
  const client = await faults.client();
  const jobs = [await startPaused(client), await startPaused(client), await startPaused(client)];
  const over = faults.recorder.fault('worker SIGTERM');
  worker?.kill('SIGTERM');
  expect(await worker?.exited).toEqual({ code: 0, signal: null });
  over();
  for (const jobId of jobs) expect(await client.terminal(jobId)).toMatchObject(workerLost);
  await faults.startWorker();
  await expectNoViolations();
});
