import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  asCall,
  type Bench,
  createBench,
  digest,
  end,
  failure,
  type Step,
  started,
  success,
  TENANT,
  text,
  untilTrue,
} from './harness.ts';

const benches: Bench[] = [];

afterEach(() => {
  for (const bench of benches.splice(0)) bench.close();
  vi.restoreAllMocks();
});

async function bench(...args: Parameters<typeof createBench>): Promise<Bench> {
  const made = await createBench(...args);
  benches.push(made);
  return made;
}

/** Output, and then nothing: ends only when it is aborted. */
const hanging: Step[] = [[started, text('half', true)]];
const unreachable = end(failure('upstream_unreachable', { sent: false, retryAfterMs: 30_000 }));

async function untilWritten(job: Bench, type: string): Promise<void> {
  await untilTrue(async () => (await job.types()).includes(type));
}

async function expectCallEnded(job: Bench): Promise<void> {
  const call = await job.claudeApi.untilCalled(1);
  expect(call.options.signal?.aborted).toBe(true);
  expect(call.ended).toBe(true);
}

describe('a cancel', () => {
  test('that the control channel tells stops upstream and ends the job in the name of who cancelled', async () => {
    const job = await bench({ scripts: [hanging] });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.cancel(TENANT, job.jobId, 'operator');
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('cancelled');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'cancelled', by: 'operator', partial: true });
    await expectCallEnded(job);
  });

  test('that nobody told is found by the next write', async () => {
    const gate = Promise.withResolvers<void>();
    const job = await bench({ scripts: [[...hanging, gate.promise, [text('more')]]] });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.cancel(TENANT, job.jobId, 'disconnect');
    gate.resolve();
    expect((await processed).status).toBe('cancelled');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'cancelled', by: 'disconnect' });
    await expectCallEnded(job);
  });

  test('that nobody told is found by the next renewal', async () => {
    const job = await bench({ scripts: [hanging], leaseMs: 60 });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.cancel(TENANT, job.jobId, 'client');
    expect((await processed).status).toBe('cancelled');
  });

  test('that was recorded before the finish wins over it, whatever the end, and keeps the summary', async () => {
    const ends = [
      success,
      { type: 'end', outcome: failure('upstream_cut', { turns: 2 }) },
      { type: 'end', outcome: { status: 'timed_out', limit: 'idle' } },
    ] as const;
    for (const last of ends) {
      const gate = Promise.withResolvers<void>();
      const job = await bench({ scripts: [[...hanging, gate.promise, [last]]] });
      const processed = job.process();
      await untilWritten(job, 'output');
      await job.log.cancel(TENANT, job.jobId, 'disconnect');
      gate.resolve();
      expect((await processed).status).toBe('cancelled');
      const events = await job.events();
      expect(events.map(({ type }) => type)).toEqual(['queued', 'started', 'output', 'cancelled']);
      expect(events.at(-1)).toMatchObject({ by: 'disconnect', partial: true });
    }
  });

  test('while it waits for another try ends the wait, and there is no other call', async () => {
    const job = await bench({ scripts: [[unreachable], hanging] });
    const processed = job.process();
    await untilWritten(job, 'throttled');
    await job.log.cancel(TENANT, job.jobId, 'client');
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('cancelled');
    expect((await job.events()).at(-1)).toMatchObject({ partial: false });
    expect(job.claudeApi.calls).toHaveLength(1);
  });

  test('while it waits to begin anew leaves no digest of what is void', async () => {
    const broken: Step[] = [[started, text('half', true)], end(failure('upstream_cut', { digest }))];
    const job = await bench({ scripts: [broken, hanging], spec: { retry: 'always' } });
    const processed = job.process();
    await untilWritten(job, 'throttled');
    await job.log.cancel(TENANT, job.jobId, 'client');
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('cancelled');
    expect((await job.events()).at(-1)).not.toHaveProperty('digest');
    expect(job.claudeApi.calls).toHaveLength(1);
  });
});

describe('the deadline', () => {
  test('ends the job as timed_out with the limit "total", and stops upstream', async () => {
    const job = await bench({ scripts: [hanging], totalMs: 100 });
    expect((await job.process()).status).toBe('timed_out');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'total', partial: true });
    await expectCallEnded(job);
  });

  test('leaves no timer behind when the job ends before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    try {
      const job = await bench({ scripts: [[[started, success]]] });
      job.close();
      await job.process();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a drain', () => {
  test('ends what had begun as failed: worker_lost', async () => {
    const job = await bench({ scripts: [hanging] });
    const processed = job.process();
    await untilWritten(job, 'output');
    job.drain.abort();
    expect(await processed).toMatchObject({ status: 'failed', error: 'worker_lost' });
    expect((await job.events()).at(-1)).toMatchObject({ error: { code: 'worker_lost' }, partial: true });
    await expectCallEnded(job);
  });

  test('hands a job back that may always run again', async () => {
    const job = await bench({ scripts: [hanging], spec: { retry: 'always' } });
    const processed = job.process();
    await untilWritten(job, 'output');
    job.drain.abort();
    expect(await processed).toEqual({ status: 'handed back' });
    expect((await job.log.get(TENANT, job.jobId))?.job.status).toBe('queued');
    expect(await job.types()).toEqual(['queued', 'started', 'output']);
    await expectCallEnded(job);
  });

  test('hands nothing back that has begun as often as it may be', async () => {
    const job = await bench({ scripts: [hanging], spec: { retry: 'always', maxAttempts: 1 } });
    const processed = job.process();
    await untilWritten(job, 'output');
    job.drain.abort();
    expect(await processed).toMatchObject({ status: 'failed', error: 'worker_lost' });
    expect((await job.events()).at(-1)).toMatchObject({
      error: { message: expect.stringMatching(/shut down .*\(attempt 1 of 1\)$/) },
    });
  });

  test.each([
    ['begun', hanging, 2],
    ['not begun', [unreachable], 1],
  ] as const)(
    'hands a job back whose work has %s, and counts the attempt accordingly',
    async (_what, script, attempts) => {
      const job = await bench({ scripts: [[...script]], spec: { retry: 'always', maxAttempts: 2 } });
      const processed = job.process();
      await untilWritten(job, script === hanging ? 'output' : 'throttled');
      job.drain.abort();
      expect(await processed).toEqual({ status: 'handed back' });
      expect(await job.log.begin(job.jobId, 60_000, 'next')).toMatchObject({ attempt: { attempts } });
    },
  );

  test.each(['safe', 'never'] as const)('hands a job back that has not begun, under "%s"', async (retry) => {
    const job = await bench({ scripts: [hanging], spec: { retry } });
    job.drain.abort();
    expect(await job.process()).toEqual({ status: 'handed back' });
    expect(job.claudeApi.calls).toEqual([]);
    expect((await job.log.get(TENANT, job.jobId))?.job.status).toBe('queued');
  });

  test('hands a job back that waits for another try', async () => {
    const job = await bench({ scripts: [[unreachable], hanging] });
    const processed = job.process();
    await untilWritten(job, 'throttled');
    job.drain.abort();
    expect(await processed).toEqual({ status: 'handed back' });
    expect((await job.log.get(TENANT, job.jobId))?.job.status).toBe('queued');
  });

  test('hands nothing back that was cancelled', async () => {
    const job = await bench({ scripts: [hanging], spec: { retry: 'always' } });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.cancel(TENANT, job.jobId, 'operator');
    job.drain.abort();
    expect((await processed).status).toBe('cancelled');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'cancelled', by: 'operator', partial: true });
  });

  test('lets what completes at that moment complete', async () => {
    for (const retry of ['safe', 'always'] as const) {
      const job = await bench({ scripts: [], spec: { retry } });
      job.context.claudeApi = {
        ...job.claudeApi.client,
        execute: () =>
          asCall(
            (async function* () {
              yield [started, text('Hello', true)];
              job.drain.abort();
              yield [success];
            })(),
          ),
      };
      expect((await job.process()).status).toBe('completed');
    }
  });
});

describe('a lost job', () => {
  test('is found by the next write, which stops upstream, and nothing more is written', async () => {
    const gate = Promise.withResolvers<void>();
    const job = await bench({ scripts: [[...hanging, gate.promise, [text('late')]]] });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.release(job.jobId, 1, true);
    gate.resolve();
    expect(await processed).toEqual({ status: 'lost', error: 'lost: fenced' });
    expect(await job.types()).toEqual(['queued', 'started', 'output']);
    await expectCallEnded(job);
  });

  test('is found by the next renewal', async () => {
    const job = await bench({ scripts: [hanging], leaseMs: 60 });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.release(job.jobId, 1, true);
    expect(await processed).toEqual({ status: 'lost', error: 'lost: fenced' });
    await expectCallEnded(job);
  });

  test('is found when BullMQ’s lock was lost, and only then', async () => {
    const job = await bench({ scripts: [hanging] });
    const renew = vi.spyOn(job.log, 'renew');
    const processed = job.process();
    await untilWritten(job, 'output');
    expect(renew).not.toHaveBeenCalled();
    job.lockLost.abort();
    await untilTrue(() => renew.mock.results.length === 1);
    // The record says that the job is ours: it goes on.
    expect((await job.claudeApi.untilCalled(1)).options.signal?.aborted).toBe(false);
    await job.log.release(job.jobId, 1, true);
    job.context.leases.check(job.jobId);
    expect(await processed).toEqual({ status: 'lost', error: 'lost: fenced' });
  });

  test('stays lost even if it had been cancelled, and a finish that is refused is no end', async () => {
    const gate = Promise.withResolvers<void>();
    const job = await bench({ scripts: [[...hanging, gate.promise, [success]]] });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.release(job.jobId, 1, true);
    gate.resolve();
    expect(await processed).toEqual({ status: 'lost', error: 'lost: fenced' });
    expect(await job.types()).toEqual(['queued', 'started', 'output']);
  });
});
