/**
 * Worker × its death or standing still × moment: longer than its lease it has lost its jobs, shorter it has not. Each test
 * is a row's cells in docs/reliability.md.
 */
import { commandContains, describeViolations, type LogLine, type ServiceProcess } from '@cc-executor/testing';
import { beforeEach, expect, test } from 'vitest';
import { BLOCKED, blockableLoop } from './block-loop.ts';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';
import {
  bringToMoments,
  completeUpstream,
  type MomentJobs,
  THREE_SLOTS,
  untilOutput,
  workerLost,
} from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const FOR_LESS_THAN_THE_LEASE = 'SIGUSR2';
const FOR_SEVERAL_LEASES = 'SIGWINCH';
const blocks = { [FOR_LESS_THAN_THE_LEASE]: 0.4 * LEASE_MS, [FOR_SEVERAL_LEASES]: 3 * LEASE_MS };
const env = { ...THREE_SLOTS, WORKER_DRAIN_GRACE_MS: '200', ...blockableLoop(blocks) };
const stack = shareFaultStack(() => startFaultStack({ gateways: 2, env }));
let faults: FaultStack;
beforeEach(() => {
  faults = stack();
});

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

test('worker · SIGKILL · b c d e: what it had ends as worker_lost for everybody, what is queued goes to another', async () => {
  const [worker] = faults.stack.workers;
  const [one, other] = [await faults.client(0), await faults.client(1)];
  const jobs = await bringToMoments(faults, one);
  for (const jobId of Object.values(jobs)) await other.attach(jobId);
  // Stopped, so that upstream's last words reach it and it does nothing about them.
  worker?.kill('SIGSTOP');
  await completeUpstream(faults, jobs.finishing);
  const over = faults.recorder.fault('worker SIGKILL');
  worker?.kill('SIGKILL');
  await worker?.exited;
  over();
  for (const jobId of [jobs.claimed, jobs.streaming, jobs.finishing]) {
    const [first, second] = await Promise.all([one.terminal(jobId), other.terminal(jobId)]);
    expect(first).toMatchObject({ ...workerLost, partial: jobId !== jobs.claimed });
    expect(second).toEqual(first);
  }
  await faults.startWorker();
  for (const client of [one, other]) {
    expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'completed', attempt: 1 });
  }
  await expectNoViolations();
});

test('worker · SIGKILL · e: a finish that Redis has and whose answer never came stands', async () => {
  const [worker] = faults.stack.workers;
  const { workerRedis } = faults.proxies;
  const client = await faults.client();
  const jobId = await client.execute({ prompt: faults.plan({ chunks: 4, ends: ['pause'] }).prompt });
  await untilOutput(client, jobId);
  const droppedBefore = workerRedis.counters().droppedReplies;
  await workerRedis.set({ dropReply: { matches: commandContains('evalsha', '"type":"completed"') } });
  const over = faults.recorder.fault('worker SIGKILL');
  await completeUpstream(faults, jobId);
  await workerRedis.until(({ droppedReplies }) => droppedReplies > droppedBefore);
  // Before it can ask again.
  const cutOff = workerRedis.set({ refuse: 'reset' });
  workerRedis.cutAll('rst');
  worker?.kill('SIGKILL');
  await Promise.all([cutOff, worker?.exited]);
  await workerRedis.reset();
  over();
  expect(await client.terminal(jobId)).toMatchObject({ type: 'completed', evidence: 'complete-line' });
  await faults.startWorker();
  await expectNoViolations();
});

test('worker · SIGKILL · c d: a job that may be repeated is begun anew by another worker, after a reset, and not for ever', async () => {
  const [worker] = faults.stack.workers;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client, {
    params: { retry: 'always', maxAttempts: 2 },
    plans: { streaming: { chunks: 20, ends: ['hang'] } },
  });
  const over = faults.recorder.fault('worker SIGKILL');
  worker?.kill('SIGKILL');
  await worker?.exited;
  over();
  const second = await faults.startWorker();
  for (const jobId of [jobs.claimed, jobs.finishing, jobs.queued]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  const reset = expect.objectContaining({ type: 'reset', attemptsLeft: 0 });
  for (const jobId of [jobs.claimed, jobs.finishing]) expect(client.wire.events(jobId)).toContainEqual(reset);
  await client.wire.until(
    ({ params }) => params?.jobId === jobs.streaming && params.type === 'output' && params.attempt > 1,
  );
  const overAgain = faults.recorder.fault('worker SIGKILL');
  second.kill('SIGKILL');
  await second.exited;
  overAgain();
  // Clears away what the queue still has of the job; it begins it no third time.
  await faults.startWorker();
  expect(await client.terminal(jobs.streaming)).toMatchObject({
    type: 'failed',
    error: { code: 'attempts_exhausted', retrySafe: false },
    partial: true,
  });
  await expectNoViolations();
});

test('worker · SIGTERM past the grace · b c d e: it ends what runs, hands on what is queued, and leaves a finish no earlier than it is answered', async () => {
  const [worker] = faults.stack.workers;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client);
  const over = faults.recorder.fault('worker SIGTERM, Redis held');
  await faults.proxies.workerRedis.set({ toTarget: { hold: true } });
  await completeUpstream(faults, jobs.finishing);
  worker?.kill('SIGTERM');
  // Past the grace, within the lease: upstream's calls are ended, the writes cannot be.
  await faults.upstream.untilIdle();
  await faults.proxies.workerRedis.reset();
  expect(await worker?.exited).toEqual({ code: 0, signal: null });
  over();
  for (const jobId of [jobs.claimed, jobs.streaming]) {
    expect(await client.terminal(jobId)).toMatchObject({
      ...workerLost,
      error: { message: expect.stringContaining('shut down') },
    });
  }
  expect(await client.terminal(jobs.finishing)).toMatchObject({ type: 'completed' });
  await faults.startWorker();
  expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'completed', attempt: 1 });
  await expectNoViolations();
});

test('worker · SIGTERM past the grace · c d: a job that may be repeated is handed back, and runs elsewhere', async () => {
  const [worker] = faults.stack.workers;
  const client = await faults.client();
  const jobs = await bringToMoments(faults, client, {
    params: { retry: 'always' },
    plans: { streaming: { chunks: 20, ends: ['hang', 'complete'] } },
  });
  const over = faults.recorder.fault('worker SIGTERM');
  worker?.kill('SIGTERM');
  expect(await worker?.exited).toEqual({ code: 0, signal: null });
  over();
  await faults.startWorker();
  const startedAt = Date.now();
  for (const jobId of Object.values(jobs)) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  expect(Date.now() - startedAt).toBeLessThan(5 * LEASE_MS);
  await expectNoViolations();
});

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
    plans: { claimed: { chunks: 1, ends: ['pause'] }, streaming: { chunks: 100, paceMs: 20 } },
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
