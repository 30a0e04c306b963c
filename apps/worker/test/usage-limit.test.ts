/** Jobs behind a usage limit: which asks the model, which waits in the queue, which ends. */
import { ALL_MODELS } from '@cc-executor/job-log';
import { createMemoryJobLog, createMemoryUsageBlock } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';
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

const HOUR = 60 * 60_000;
let resetsAt: number;
const benches: Bench[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench.close();
});

function limited(inMs: number, limit = 'five_hour', more: object = {}): Step[] {
  resetsAt = Date.now() + inMs;
  return [[started], end(failure('claude_usage_limit', { resetsAt, limit, began: false, ...more }))];
}

const session = (model: string) => ({ type: 'session', sessionId: 's', model }) as const;

/** Jobs of one log and one credential. */
function createWorld() {
  const { log } = createMemoryJobLog();
  const usageBlock = createMemoryUsageBlock();
  return {
    usageBlock,
    async job(options: Parameters<typeof createBench>[0]) {
      const bench = await createBench({ log, usageBlock, queueMs: 2 * HOUR, ...options });
      benches.push(bench);
      return bench;
    },
  };
}

async function jobOf({ log, jobId }: Bench) {
  return (await log.get(TENANT, jobId))?.job;
}

test('a job that is limited before anything began is queued again until the reset, and says so', async () => {
  const job = await createWorld().job({ scripts: [limited(HOUR)] });
  expect(await job.process()).toEqual({ status: 'handed back' });
  expect((await job.events()).at(-1)).toMatchObject({
    ...{ type: 'throttled', reason: 'usage_limit', limit: 'five_hour', untilMs: resetsAt, resetsAt },
  });
  expect(await jobOf(job)).toMatchObject({ status: 'queued', notBefore: resetsAt });
});

test('one that has not the time fails once, with the time of the reset, and nothing had begun', async () => {
  const job = await createWorld().job({ scripts: [limited(HOUR)], queueMs: HOUR / 2 });
  expect(await job.process()).toMatchObject({ status: 'failed' });
  expect((await job.events()).at(-1)).toMatchObject({
    ...{ type: 'failed', partial: false, error: { code: 'claude_usage_limit', resetsAt, retrySafe: true } },
  });
  expect(job.claudeApi.calls).toHaveLength(1);
});

test('while a limit is reached no job asks the model: one waits, and one without the time fails', async () => {
  const world = createWorld();
  await (await world.job({ scripts: [limited(HOUR)] })).process();
  const waiting = await world.job({ scripts: [[[started], [success]]], spec: { retry: 'never' } });
  expect(await waiting.process()).toEqual({ status: 'handed back' });
  expect(await jobOf(waiting)).toMatchObject({ status: 'queued', notBefore: resetsAt });
  const short = await world.job({ scripts: [[[started], [success]]], queueMs: HOUR / 2 });
  expect(await short.process()).toMatchObject({ status: 'failed' });
  expect((await short.events()).at(-1)).toMatchObject({ error: { code: 'claude_usage_limit', resetsAt } });
  expect([...waiting.claudeApi.calls, ...short.claudeApi.calls]).toEqual([]);
});

test('a limit of one model holds up all jobs of that model, by whatever name, and no others', async () => {
  const world = createWorld();
  const [, refusal] = limited(HOUR, 'seven_day_opus');
  const met = await world.job({ scripts: [[[started], [session('claude-opus-5-5')], refusal!]] });
  expect(await met.process()).toEqual({ status: 'handed back' });
  for (const model of [undefined, 'opus', 'opus[1m]', 'claude-opus-4-5-20261101']) {
    const held = await world.job({ scripts: [[[started], [success]]], ...(model && { spec: { model } }) });
    expect(await held.process(), model).toEqual({ status: 'handed back' });
    expect(await jobOf(held)).toMatchObject({ status: 'queued', notBefore: resetsAt });
    expect(held.claudeApi.calls).toEqual([]);
  }
  const other = await world.job({ scripts: [[[started], [success]]], spec: { model: 'sonnet' } });
  expect(await other.process()).toMatchObject({ status: 'completed' });
});

test('where it cannot be told with which credential the model would be asked, the call says why', async () => {
  const world = createWorld();
  await world.usageBlock.block({ resetsAt: Date.now() + HOUR }, [ALL_MODELS]);
  const job = await world.job({ scripts: [end(failure('credentials_missing'))].map((step) => [step]) });
  job.claudeApi.credential = undefined;
  expect(await job.process()).toMatchObject({ status: 'failed', error: 'credentials_missing' });
});

test('a call that is repeated is not made once a limit is known', async () => {
  const world = createWorld();
  const block = Promise.withResolvers<void>();
  const unsent = end(failure('upstream_unreachable', { sent: false }));
  const job = await world.job({
    scripts: [
      [block.promise, unsent],
      [[started], [success]],
    ],
  });
  const processed = job.process();
  await job.claudeApi.untilCalled(1);
  await world.usageBlock.block({ resetsAt: Date.now() + HOUR }, [ALL_MODELS]);
  block.resolve();
  expect(await processed).toEqual({ status: 'handed back' });
  expect(job.claudeApi.calls).toHaveLength(1);
});

test('after the reset one job goes first, and the others as soon as it has an answer', async () => {
  const world = createWorld();
  await world.usageBlock.block({ resetsAt: Date.now() - 1 }, [ALL_MODELS]);
  const answer = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const script = [[started], answer.promise, [text('Hello', true)], ended.promise, [success]];
  const first = await world.job({ scripts: [script] });
  const trial = first.process();
  await first.claudeApi.untilCalled(1);
  const second = await world.job({ scripts: [[[started], [success]]] });
  const next = second.process();
  await untilTrue(async () => (await jobOf(second))?.status === 'running');
  expect(await world.usageBlock.admit(second.jobId, 'opus')).toEqual({ code: 'others_trial' });
  expect(second.claudeApi.calls).toEqual([]);
  answer.resolve();
  // While the first still runs.
  expect(await next).toMatchObject({ status: 'completed' });
  ended.resolve();
  expect(await trial).toMatchObject({ status: 'completed' });
});

test('a trial that is limited again renews the block, and who waited for it waits on in the queue', async () => {
  const world = createWorld();
  await world.usageBlock.block({ resetsAt: Date.now() - 1 }, [ALL_MODELS]);
  const refused = Promise.withResolvers<void>();
  const first = await world.job({ scripts: [[[started], refused.promise, ...limited(HOUR).slice(1)]] });
  const trial = first.process();
  await first.claudeApi.untilCalled(1);
  const second = await world.job({ scripts: [[[started], [success]]] });
  const next = second.process();
  await untilTrue(async () => (await jobOf(second))?.status === 'running');
  refused.resolve();
  expect(await Promise.all([trial, next])).toEqual([{ status: 'handed back' }, { status: 'handed back' }]);
  expect(await jobOf(second)).toMatchObject({ status: 'queued', notBefore: resetsAt });
  expect(second.claudeApi.calls).toEqual([]);
});

test('a trial that ends without an answer lets another job try', async () => {
  const world = createWorld();
  await world.usageBlock.block({ resetsAt: Date.now() - 1 }, [ALL_MODELS]);
  const first = await world.job({ scripts: [[[started], end(failure('claude_auth', { began: false }))]] });
  expect(await first.process()).toMatchObject({ status: 'failed' });
  const second = await world.job({ scripts: [[[started], [success]]] });
  expect(await second.process()).toMatchObject({ status: 'completed' });
  expect(await world.usageBlock.read()).toEqual([]);
});

test('a cancel ends a job at once that waits for the trial of another', async () => {
  const world = createWorld();
  await world.usageBlock.block({ resetsAt: Date.now() - 1 }, [ALL_MODELS]);
  await world.usageBlock.admit('another', 'opus');
  const job = await world.job({ scripts: [[[started], [success]]], leaseMs: 300 });
  const processed = job.process();
  await untilTrue(async () => (await jobOf(job))?.status === 'running');
  await job.log.cancel(TENANT, job.jobId, 'client');
  expect(await processed).toMatchObject({ status: 'cancelled' });
  expect(job.claudeApi.calls).toEqual([]);
});
