/** No worker is left, or none that has room: the gateways end what nobody else will. */
import { describeViolations } from '@cc-executor/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';
import { bringToMoments, completeUpstream, THREE_SLOTS, untilOutput, workerLost } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

let faults: FaultStack;

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

describe('with short leases', () => {
  const stack = shareFaultStack(() => startFaultStack({ env: THREE_SLOTS }));
  beforeEach(() => {
    faults = stack();
  });

  test('worker · all dead · b c d e: what ran ends without any worker, what is queued waits for one or for its limit', async () => {
    const callsBefore = faults.upstream.calls().length;
    const client = await faults.client();
    const jobs = await bringToMoments(faults, client, { plans: { queued: { chunks: 4, ends: ['hang'] } } });
    // It takes the queued one, which never ends by itself: nobody takes what comes after it.
    await faults.startWorker({ WORKER_CONCURRENCY: '1' });
    await untilOutput(client, jobs.queued);
    const patient = await client.execute({ prompt: faults.plan({ chunks: 4 }).prompt });
    const hasty = await client.execute({
      prompt: faults.plan().prompt,
      timeouts: { queueMs: 2 * LEASE_MS },
    });
    const over = faults.recorder.fault('all workers SIGKILL');
    for (const worker of faults.stack.workers) worker.kill('SIGSTOP');
    await completeUpstream(faults, jobs.finishing);
    for (const worker of faults.stack.workers) worker.kill('SIGKILL');
    await Promise.all(faults.stack.workers.map((worker) => worker.exited));
    over();
    for (const jobId of Object.values(jobs)) {
      expect(await client.terminal(jobId)).toMatchObject({ ...workerLost, attempt: 2 });
    }
    expect(await client.terminal(hasty)).toMatchObject({ type: 'timed_out', limit: 'queue', partial: false });
    expect(client.wire.events(patient)).toMatchObject([{ type: 'queued' }]);
    expect(faults.upstream.calls()).toHaveLength(callsBefore + 4);
    await faults.startWorker();
    expect(await client.terminal(patient)).toMatchObject({ type: 'completed' });
    await expectNoViolations();
  });

  test('worker · all slots full · b c d e: a dead worker needs no slot of another for its jobs to end', async () => {
    const [worker] = faults.stack.workers;
    const client = await faults.client();
    const jobs = await bringToMoments(faults, client, { plans: { queued: { chunks: 4, ends: ['hang'] } } });
    // It takes the queued one, which never ends by itself: from now on there is no free slot.
    await faults.startWorker({ WORKER_CONCURRENCY: '1' });
    await untilOutput(client, jobs.queued);
    const hasty = await client.execute({
      prompt: faults.plan().prompt,
      timeouts: { queueMs: LEASE_MS },
    });
    const over = faults.recorder.fault('worker SIGKILL');
    worker?.kill('SIGSTOP');
    await completeUpstream(faults, jobs.finishing);
    worker?.kill('SIGKILL');
    await worker?.exited;
    over();
    for (const jobId of [jobs.claimed, jobs.streaming, jobs.finishing]) {
      expect(await client.terminal(jobId)).toMatchObject(workerLost);
    }
    expect(await client.terminal(hasty)).toMatchObject({ type: 'timed_out', limit: 'queue', attempt: 1 });
    expect(client.wire.events(jobs.queued).at(-1)).toMatchObject({ type: 'output' });
    expect(await client.cancel(jobs.queued)).toMatchObject({ accepted: true });
    expect(await client.terminal(jobs.queued)).toMatchObject({ type: 'cancelled' });
    await expectNoViolations();
  });
});

/** The promise is 30 s; the harness's short leases would prove it of themselves only. */
const defaults = { JOB_LEASE_MS: '15000', GATEWAY_SWEEP_MS: '1000', GATEWAY_HEARTBEAT_MS: '10000' };
const PROMISED_MS = 30_000;

test('worker · all slots full · d: with the default lease, every client has its terminal event within 30 s; so has it when only Redis and one gateway are left', async () => {
  faults = await startFaultStack({
    gateways: 2,
    workers: 2,
    env: { ...defaults, WORKER_CONCURRENCY: '2' },
  });
  onTestFinished(() => faults.close());
  const [one, other] = [await faults.client(0), await faults.client(1)];
  const jobs = await Promise.all(
    [0, 1, 2, 3].map(() => one.execute({ prompt: faults.plan({ chunks: 4, ends: ['hang'] }).prompt })),
  );
  for (const jobId of jobs) {
    await untilOutput(one, jobId);
    await other.attach(jobId);
  }

  const [first, second] = faults.stack.workers;
  const soon = await timeFault('one worker SIGKILL', () => first?.kill('SIGKILL'), [one, other], 2);
  const late = await timeFault('all but Redis and one gateway SIGKILL', killAllButOne, [one], 4);
  process.stdout.write(`with the default lease, the terminal events came after ${soon} and ${late} ms\n`);
  expect(Math.max(soon, late)).toBeLessThan(PROMISED_MS);
  for (const jobId of jobs) expect(await one.terminal(jobId)).toMatchObject(workerLost);

  function killAllButOne(): void {
    second?.kill('SIGKILL');
    faults.stack.gateways[1]?.kill('SIGKILL');
    void faults.proxies.upstream.set({ refuse: 'refused' });
    faults.proxies.upstream.cutAll('rst');
  }
  // BullMQ finds what the dead workers had only after two of these leases: no test waits for that.
  const { violations } = await faults.check({ quiet: false });
  expect(describeViolations(violations)).toBe('');
}, 120_000);

/** Resolves with how long it took until all these clients have seen so many jobs end. */
async function timeFault(
  name: string,
  kill: () => void,
  clients: RecordingClient[],
  ended: number,
): Promise<number> {
  const over = faults.recorder.fault(name);
  const killedAt = Date.now();
  kill();
  for (const { wire } of clients) {
    await wire.until(() => wire.messages.filter(({ params }) => params?.type === 'failed').length === ended);
  }
  over();
  return Date.now() - killedAt;
}
