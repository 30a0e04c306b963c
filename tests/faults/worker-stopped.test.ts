/** Worker × standing still × moment: longer than its lease it has lost its jobs, shorter it has not. */
import { describeViolations, type LogLine, type ServiceProcess } from '@cc-executor/testing';
import { beforeEach, expect, test } from 'vitest';
import { BLOCKED, blockableLoop } from './block-loop.ts';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';
import { bringToMoments, completeUpstream, type MomentJobs, THREE_SLOTS, workerLost } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const FOR_LESS_THAN_THE_LEASE = 'SIGUSR2';
const FOR_SEVERAL_LEASES = 'SIGWINCH';
const blocks = { [FOR_LESS_THAN_THE_LEASE]: 0.4 * LEASE_MS, [FOR_SEVERAL_LEASES]: 3 * LEASE_MS };
const env = { ...THREE_SLOTS, ...blockableLoop(blocks) };

const stack = shareFaultStack(() => startFaultStack({ env }));
let faults: FaultStack;
beforeEach(() => {
  faults = stack();
});

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

/** Resolves when its event loop stands still. */
async function block(worker: ServiceProcess, signal: NodeJS.Signals): Promise<void> {
  const isBlocked = ({ msg }: LogLine) => msg === BLOCKED;
  const before = worker.logs().filter(isBlocked).length;
  worker.kill(signal);
  let seen = 0;
  await worker.untilLog((line) => {
    if (isBlocked(line)) seen += 1;
    return seen > before;
  });
}

/** How long the log of each job is in Redis. */
function logLengths({ claimed, streaming, finishing }: MomentJobs): Promise<number[]> {
  return Promise.all(
    [claimed, streaming, finishing].map((jobId) => faults.redis.admin.llen(`cce:{${jobId}}:log`)),
  );
}

/** What it had is ended while it stands still; once it goes on, it writes nothing, and its calls are aborted. */
async function expectLost(
  worker: ServiceProcess,
  client: RecordingClient,
  jobs: MomentJobs,
  goOn: () => Promise<unknown> | unknown,
): Promise<void> {
  for (const jobId of [jobs.claimed, jobs.streaming, jobs.finishing]) {
    expect(await client.terminal(jobId)).toMatchObject({ ...workerLost, partial: jobId !== jobs.claimed });
  }
  const lengths = await logLengths(jobs);
  expect(Math.min(...lengths)).toBeGreaterThan(0);
  await goOn();
  for (const jobId of [jobs.claimed, jobs.streaming, jobs.finishing]) {
    await worker.untilLog((line) => line.jobId === jobId && line.event === 'attempt_lost');
  }
  await faults.upstream.untilIdle();
  const ended = new Map(faults.upstream.calls().map(({ jobId, endedBy }) => [jobId, endedBy]));
  expect(ended.get(jobs.claimed)).toBe('client-abort');
  expect(ended.get(jobs.streaming)).toBe('client-abort');
  expect(await logLengths(jobs)).toEqual(lengths);
}

test('worker · SIGSTOP longer than its lease, then SIGCONT · b c d e: its jobs end without it, it writes nothing afterwards and its upstream calls are aborted', async () => {
  const worker = faults.stack.workers[0] as ServiceProcess;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client);
  const over = faults.recorder.fault('worker SIGSTOP');
  worker.kill('SIGSTOP');
  await completeUpstream(faults, jobs.finishing);
  await expectLost(worker, client, jobs, () => {
    worker.kill('SIGCONT');
    over();
  });
  // Its slots are free again.
  expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'completed', attempt: 1 });
  await expectNoViolations();
});

test('worker · SIGSTOP longer than its lease, then SIGCONT · b: a job that was handed to a stopped worker is taken by another', async () => {
  const [stopped] = faults.stack.workers;
  const other = await faults.startWorker();
  const client = await faults.client();
  const over = faults.recorder.fault('worker SIGSTOP');
  stopped?.kill('SIGSTOP');
  const jobs: string[] = [];
  // One at a time: each is the only one that wakes a worker, be it the stopped one.
  for (let i = 0; i < 4; i += 1) {
    const jobId = await client.execute({ prompt: faults.plan({ chunks: 2 }).prompt });
    jobs.push(jobId);
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  stopped?.kill('SIGCONT');
  over();
  await expectNoViolations();
  await other.stop();
});

test('worker · SIGSTOP longer than its lease, then SIGCONT · e: a finish that was on its way meanwhile is refused', async () => {
  const worker = faults.stack.workers[0] as ServiceProcess;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client);
  const over = faults.recorder.fault('worker SIGSTOP, its last writes held');
  await faults.proxies.workerRedis.set({ toTarget: { hold: true } });
  await completeUpstream(faults, jobs.finishing);
  worker.kill('SIGSTOP');
  await expectLost(worker, client, jobs, async () => {
    await faults.proxies.workerRedis.reset();
    worker.kill('SIGCONT');
    over();
  });
  expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'completed', attempt: 1 });
  await expectNoViolations();
});

test('worker · blocked event loop · b c d e: for less than the lease, every job goes on as if nothing had been', async () => {
  const worker = faults.stack.workers[0] as ServiceProcess;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client, {
    plans: { claimed: { chunks: 1, ends: ['pause'] }, streaming: { chunks: 200, paceMs: 10 } },
  });
  const over = faults.recorder.fault('worker blocked');
  await block(worker, FOR_LESS_THAN_THE_LEASE);
  await completeUpstream(faults, jobs.finishing);
  for (const jobId of Object.values(jobs)) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
  }
  over();
  await expectNoViolations();
});

test('worker · blocked event loop · b c d e: for several leases, its jobs end without it and it writes nothing afterwards', async () => {
  const worker = faults.stack.workers[0] as ServiceProcess;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client);
  const over = faults.recorder.fault('worker blocked');
  await block(worker, FOR_SEVERAL_LEASES);
  await completeUpstream(faults, jobs.finishing);
  await expectLost(worker, client, jobs, () => {
    // It goes on by itself.
  });
  over();
  expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'completed', attempt: 1 });
  await expectNoViolations();
});
