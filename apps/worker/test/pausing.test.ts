/** Pausing, from the wish in the record to what the log says: with a claude-api that plays scripts. */
import { createMemoryJobLog, type WholeLog } from '@cc-executor/testing';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Bench,
  createBench,
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
});

async function bench(options: Partial<Parameters<typeof createBench>[0]> = {}): Promise<Bench> {
  const made = await createBench({ scripts: [], ...options });
  benches.push(made);
  return made;
}

const paused = [{ type: 'paused' }] as const;
const resumed = [{ type: 'resumed' }] as const;
const half: Step = [started, text('half', true)];

/** Plays steps that need the bench, which is there only later. */
async function benchPlaying(
  script: (job: () => Bench) => Step[],
  options: Parameters<typeof bench>[0] = {},
): Promise<Bench> {
  const scripts: Step[][] = [[]];
  const job = await bench({ ...options, scripts });
  scripts[0]?.push(...script(() => job));
  return job;
}

const asked = (job: () => Bench, count: number) => () => job().claudeApi.whenAsked(count)();

async function untilWritten(job: Bench, type: string, count = 1): Promise<void> {
  await untilTrue(async () => (await job.types()).filter((one) => one === type).length >= count);
}

/** Records a wish, and says so as the control channel does. */
async function wish(job: Bench, pause: boolean): Promise<void> {
  await job.log.setPauseWish(TENANT, job.jobId, pause);
  job.context.leases.check(job.jobId);
}

const jobOf = async (job: Bench) => (await job.log.get(TENANT, job.jobId))?.job;

describe('a wish to pause', () => {
  test('is asked of claude-api, and the log says what that has confirmed, in the order of the stream', async () => {
    const job = await benchPlaying((one) => [
      half,
      asked(one, 1),
      [text('before')],
      [...paused],
      asked(one, 2),
      [...resumed, text('after'), success],
    ]);
    const processed = job.process();
    await untilWritten(job, 'output');
    await wish(job, true);
    await untilWritten(job, 'paused');
    expect(await jobOf(job)).toMatchObject({ pauseRequested: true, pausedAt: expect.any(Number) });
    await wish(job, false);
    expect((await processed).status).toBe('completed');
    const events = await job.events();
    expect(events.map((event) => (event.type === 'output' ? event.text : event.type))).toEqual([
      'queued',
      'started',
      'half',
      'before',
      'paused',
      'resumed',
      'after',
      'completed',
    ]);
    expect(events[4]).toMatchObject({ limitMs: 30 * 60_000 });
    expect(events[5]).toMatchObject({ pausedMs: expect.any(Number) });
    expect(job.claudeApi.calls[0]?.asked).toEqual([true, false]);
  });

  test('that nobody told is found by the next renewal', async () => {
    const job = await benchPlaying((one) => [half, asked(one, 1), [...paused, success]], { leaseMs: 60 });
    const processed = job.process();
    await untilWritten(job, 'output');
    await job.log.setPauseWish(TENANT, job.jobId, true);
    await processed;
    expect(await job.types()).toContain('paused');
  });

  test('of a queued job waits for the execution to start', async () => {
    const job = await benchPlaying((one) => [half, asked(one, 1), [...paused, success]]);
    await job.log.setPauseWish(TENANT, job.jobId, true);
    await job.process();
    expect(await job.types()).toEqual(['queued', 'started', 'output', 'paused', 'completed']);
  });

  test('that is taken back before claude-api has confirmed it is followed by the next', async () => {
    const job = await benchPlaying((one) => [
      half,
      asked(one, 1),
      [...paused],
      asked(one, 2),
      [...resumed, success],
    ]);
    const answer = Promise.withResolvers<{ ok: true }>();
    job.claudeApi.answerPause = (pause) => (pause ? answer.promise : { ok: true });
    const processed = job.process();
    await untilWritten(job, 'output');
    await wish(job, true);
    await job.claudeApi.whenAsked(1)();
    await wish(job, false);
    answer.resolve({ ok: true });
    await processed;
    expect(job.claudeApi.calls[0]?.asked).toEqual([true, false]);
    expect((await job.types()).slice(-3)).toEqual(['paused', 'resumed', 'completed']);
  });
});

describe('a claude-api that cannot pause', () => {
  test('is asked once, the log says why, and the wish is dropped; asked again, it is asked again', async () => {
    const job = await benchPlaying((one) => [
      half,
      asked(one, 2),
      () => untilWritten(one(), 'pause_refused', 2),
      [success],
    ]);
    job.claudeApi.answerPause = () => ({ ok: false, reason: 'it answered 404', retryable: false });
    const processed = job.process();
    await untilWritten(job, 'output');
    await wish(job, true);
    await untilWritten(job, 'pause_refused');
    expect(await jobOf(job)).toMatchObject({ pauseRequested: false });
    for (let i = 0; i < 3; i += 1) job.context.leases.check(job.jobId);
    await wish(job, true);
    expect((await processed).status).toBe('completed');
    const refusal = { type: 'pause_refused', request: 'pause', reason: 'it answered 404' };
    expect((await job.events()).filter(({ type }) => type === 'pause_refused')).toMatchObject([
      refusal,
      refusal,
    ]);
    expect(job.claudeApi.calls[0]?.asked).toEqual([true, true]);
  });

  test('for a moment is asked again, a few times', async () => {
    const job = await benchPlaying((one) => [half, asked(one, 2), [...paused, success]]);
    job.claudeApi.answerPause = () => {
      const isFirst = job.claudeApi.calls[0]?.asked.length === 1;
      return isFirst ? { ok: false, reason: 'connection refused', retryable: true } : { ok: true };
    };
    await job.log.setPauseWish(TENANT, job.jobId, true);
    await job.process();
    expect(await job.types()).toEqual(['queued', 'started', 'output', 'paused', 'completed']);

    const never = await benchPlaying((one) => [half, () => untilWritten(one(), 'pause_refused'), [success]]);
    never.claudeApi.answerPause = () => ({ ok: false, reason: 'connection refused', retryable: true });
    await never.log.setPauseWish(TENANT, never.jobId, true);
    expect((await never.process()).status).toBe('completed');
    expect(never.claudeApi.calls[0]?.asked).toEqual([true, true, true]);
  });

  test('but not let go on leaves the job paused, and says so', async () => {
    const job = await benchPlaying((one) => [
      half,
      asked(one, 1),
      [...paused],
      () => new Promise(() => undefined),
    ]);
    job.claudeApi.answerPause = (pause) =>
      pause ? { ok: true } : { ok: false, reason: 'it answered 500', retryable: false };
    const processed = job.process();
    await wish(job, true);
    await untilWritten(job, 'paused');
    await wish(job, false);
    await untilWritten(job, 'pause_refused');
    expect((await job.events()).at(-1)).toMatchObject({ request: 'resume' });
    expect(await jobOf(job)).toMatchObject({ pauseRequested: true, pausedAt: expect.any(Number) });
    await job.log.cancel(TENANT, job.jobId, 'client');
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('cancelled');
  });
});

describe('a paused job', () => {
  const hangingPaused = (one: () => Bench): Step[] => [half, asked(one, 1), [...paused]];

  test('holds no slot, and is at work again when it goes on', async () => {
    const job = await benchPlaying((one) => [...hangingPaused(one), asked(one, 2), [...resumed, success]]);
    const processed = job.process();
    await wish(job, true);
    await untilWritten(job, 'paused');
    expect(job.waits).toEqual([true]);
    await wish(job, false);
    await processed;
    expect(job.waits).toEqual([true, false]);
  });

  test('is none where too many wait: the log says so, the wish is dropped, and the job goes on', async () => {
    const job = await benchPlaying((one) => [half, () => untilWritten(one(), 'pause_refused'), [success]], {
      canWait: false,
    });
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('completed');
    expect((await job.events()).find(({ type }) => type === 'pause_refused')).toMatchObject({
      request: 'pause',
      reason: expect.stringContaining('WORKER_MAX_WAITING'),
    });
    expect(await jobOf(job)).toMatchObject({ pauseRequested: false });
    expect([job.waits, job.claudeApi.calls[0]?.asked]).toEqual([[], []]);
  });

  test('does not spend its time', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 1_200));
    const script = (one: () => Bench): Step[] => [...hangingPaused(one), wait, [...resumed, success]];
    const job = await benchPlaying(script, { totalMs: 1_000 });
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('completed');
  });

  test('has what was left of it when it goes on', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 500));
    const script = (one: () => Bench): Step[] => [...hangingPaused(one), wait, [...resumed]];
    const job = await benchPlaying(script, { totalMs: 1_000 });
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('timed_out');
    const { startedAt = 0, endedAt = 0 } = (await jobOf(job)) ?? {};
    expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'total', partial: true });
    expect(endedAt - startedAt).toBeGreaterThanOrEqual(1_490);
  });

  test('cannot be paused for ever', async () => {
    const job = await benchPlaying(hangingPaused, { spec: { timeouts: { pausedMs: 100 } } });
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('timed_out');
    expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'paused', partial: true });
    expect(job.claudeApi.calls[0]).toMatchObject({ ended: true });
  });

  test('has all of its limit from the time of `paused` on, however late that is written', async () => {
    const { log } = createMemoryJobLog();
    const slow: WholeLog = {
      ...log,
      async append(batch) {
        const isLate = batch.bodies.some((body) => body.includes('"paused"') && !batch.terminal);
        if (isLate) await new Promise((resolve) => setTimeout(resolve, 200));
        return log.append(batch);
      },
    };
    const spec = { timeouts: { pausedMs: 300 } };
    const job = await benchPlaying(hangingPaused, { log: slow, spec });
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('timed_out');
    const [paused, end] = (await job.events()).slice(-2);
    expect([paused?.type, end?.type]).toEqual(['paused', 'timed_out']);
    expect((end?.time ?? 0) - (paused?.time ?? 0)).toBeGreaterThanOrEqual(290);
  });

  test('is cancelled at once, and ended by a drain', async () => {
    for (const stop of ['cancel', 'drain'] as const) {
      const job = await benchPlaying(hangingPaused);
      const processed = job.process();
      await wish(job, true);
      await untilWritten(job, 'paused');
      if (stop === 'drain') job.drain.abort();
      else await job.log.cancel(TENANT, job.jobId, 'client');
      job.context.leases.check(job.jobId);
      expect((await processed).status).toBe(stop === 'drain' ? 'failed' : 'cancelled');
      expect(job.claudeApi.calls[0]?.ended).toBe(true);
    }
  });

  test('whose execution breaks and is begun anew goes on, and is paused again while that is wished', async () => {
    const scripts: Step[][] = [[], []];
    const job = await bench({ scripts, spec: { retry: 'always' } });
    const cut = end(failure('upstream_cut', { retryAfterMs: 1 }));
    scripts[0]?.push([started], job.claudeApi.whenAsked(1), [...paused], cut);
    scripts[1]?.push([started], job.claudeApi.whenAsked(2), [...paused, success]);
    await job.log.setPauseWish(TENANT, job.jobId, true);
    expect((await job.process()).status).toBe('completed');
    expect(await job.types()).toEqual([
      'queued',
      'started',
      'paused',
      'resumed',
      'reset',
      'throttled',
      'started',
      'paused',
      'completed',
    ]);
  });

  test('is let go on when claude-api was told by somebody else to hold it: the record decides', async () => {
    const job = await benchPlaying((one) => [half, [...paused], asked(one, 1), [...resumed, success]]);
    expect((await job.process()).status).toBe('completed');
    expect(job.claudeApi.calls[0]?.asked).toEqual([false]);
  });
});
