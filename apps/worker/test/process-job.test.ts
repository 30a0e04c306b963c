import { tenantWorkspace } from '@cc-executor/claude-options/tenant-workspace';
import { createJobId, DEFAULT_TIMEOUTS, emptyFold, foldEvents, foldedText } from '@cc-executor/protocol';
import { createMemoryJobLog } from '@cc-executor/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { processJob } from '../src/process-job.ts';
import {
  asCall,
  type Bench,
  createBench,
  digest,
  end,
  failure,
  KEY,
  losingAnswers,
  type Step,
  started,
  success,
  TENANT,
  text,
} from './harness.ts';

const benches: Bench[] = [];

afterEach(() => {
  for (const bench of benches.splice(0)) bench.close();
});

async function bench(...args: Parameters<typeof createBench>): Promise<Bench> {
  const made = await createBench(...args);
  benches.push(made);
  return made;
}

const hello: Step[] = [
  [started, text('Hel', true)],
  [text('lo'), success],
];
const unreachable = end(failure('upstream_unreachable', { sent: false }));

test('a job goes from its queue entry to its terminal event', async () => {
  const job = await bench({
    scripts: [hello],
    secrets: { env: { CI: '1' } },
    spec: {
      model: 'm',
      maxTurns: 3,
      effort: 'low',
      metadata: { a: 1 },
      priority: 4,
      onDisconnect: 'cancel',
      retry: 'never',
    },
  });
  expect(await job.process()).toEqual({ status: 'completed', error: undefined });
  const events = await job.events();
  expect(events.map(({ type, seq, attempt }) => [type, seq, attempt])).toEqual([
    ['queued', 1, 0],
    ['started', 2, 1],
    ['output', 3, 1],
    ['output', 4, 1],
    ['completed', 5, 1],
  ]);
  expect(events.at(-1)).toMatchObject({ evidence: 'complete-line', text: 'Hello', digest });
  expect(foldedText(foldEvents(emptyFold, events))).toBe('Hello');
  // Upstream gets what is Claude's, and nothing that is ours.
  expect(job.claudeApi.calls[0]?.request).toEqual({
    tenant: TENANT,
    executionId: expect.stringContaining(job.jobId),
    question: 'say hello',
    timeoutMs: expect.any(Number),
    options: { model: 'm', maxTurns: 3, effort: 'low', env: { CI: '1' } },
  });
  // What the job has left, and so much more that our own clock comes first.
  const { timeoutMs } = job.claudeApi.calls[0]!.request;
  expect(timeoutMs).toBeGreaterThan(60_000);
  expect(timeoutMs).toBeLessThanOrEqual(65_000);
  expect(job.claudeApi.calls[0]?.options.limits).toEqual({
    firstOutputMs: DEFAULT_TIMEOUTS.firstOutputMs,
    idleMs: DEFAULT_TIMEOUTS.idleMs,
  });
});

describe('a job with secrets', () => {
  const secrets = { env: { CI: '1' }, attachments: [{ mediaType: 'image/png' as const, data: 'AAAA' }] };
  const OTHER = 'another-key-of-these-tests-that-is-long';

  test.each([
    ['its key', [KEY]],
    ['its key, which was changed since', [OTHER, KEY]],
  ])('is run with them by a worker that has %s', async (_, keys) => {
    const job = await bench({ scripts: [hello], secrets, keys });
    expect(await job.process()).toMatchObject({ status: 'completed' });
    expect(job.claudeApi.calls[0]?.request.options).toEqual(secrets);
  });

  test.each([
    ['no key', [], 'the worker has no SECRETS_KEY'],
    ['another key', [OTHER], /the key [0-9a-f]{8} is not among [0-9a-f]{8} \(SECRETS_KEY\)/],
  ])('is not run without them by one with %s, and not tried again', async (_, keys, reason) => {
    const job = await bench({ scripts: [hello], secrets, keys, spec: { retry: 'always' } });
    expect(await job.process()).toMatchObject({ status: 'failed', error: 'secrets_unreadable' });
    expect(job.claudeApi.calls).toEqual([]);
    const ending = (await job.events()).at(-1);
    expect(ending).toMatchObject({
      partial: false,
      error: { retrySafe: true, message: expect.stringMatching(reason) },
    });
  });
});

test('the job’s own limits are handed on', async () => {
  const job = await bench({ scripts: [hello], spec: { timeouts: { firstOutputMs: 1_000, idleMs: 2_000 } } });
  await job.process();
  expect(job.claudeApi.calls[0]?.options.limits).toEqual({ firstOutputMs: 1_000, idleMs: 2_000 });
});

test('a job that has ended, is held, or is not there is left alone', async () => {
  const ended = await bench({ scripts: [hello] });
  await ended.log.cancel(TENANT, ended.jobId, 'client');
  expect(await ended.process()).toMatchObject({ status: 'terminal' });
  const held = await bench({ scripts: [hello] });
  await held.log.begin(held.jobId, 60_000, 'another');
  expect(await held.process()).toEqual({ status: 'held' });
  const missing = processJob(ended.context, createJobId(), ended.slot);
  expect(await missing).toEqual({ status: 'missing' });
  for (const job of [ended, held]) expect(job.claudeApi.calls).toEqual([]);
});

test('a job that was taken too late is timed_out, and upstream is not called', async () => {
  const job = await bench({ scripts: [hello], queueMs: -1 });
  expect(await job.process()).toEqual({ status: 'timed_out', error: 'timed out: queue' });
  expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'queue', partial: false });
  expect(job.claudeApi.calls).toEqual([]);
});

test('a job that is taken when all its time is over is timed_out by that limit', async () => {
  let now = 0;
  const { log } = createMemoryJobLog({ now: () => now });
  const job = await bench({ scripts: [hello], spec: { retry: 'always' }, log });
  await log.begin(job.jobId, 60_000, 'lost');
  await log.release(job.jobId, 1, true);
  now = 120_001;
  expect(await job.process()).toEqual({ status: 'timed_out', error: 'timed out: total' });
  expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'total' });
  expect(job.claudeApi.calls).toEqual([]);
});

test('a failure is told to the queue, too, and keeps what came before it', async () => {
  const job = await bench({ scripts: [[[started, text('half', true)], end(failure('upstream_cut'))]] });
  expect(await job.process()).toMatchObject({ status: 'failed', error: 'upstream_cut' });
  expect(await job.types()).toEqual(['queued', 'started', 'output', 'failed']);
  expect((await job.events()).at(-1)).toMatchObject({ partial: true, error: { retrySafe: false } });
});

test('a time-out of upstream is timed_out', async () => {
  const job = await bench({ scripts: [[[started], end({ status: 'timed_out', limit: 'idle' })]] });
  await job.process();
  expect((await job.events()).at(-1)).toMatchObject({ type: 'timed_out', limit: 'idle', partial: false });
});

test('a discarded block is void to whoever folds the events', async () => {
  const job = await bench({
    scripts: [
      [
        [started, text('bad', true), { type: 'discard', reason: 'x' }],
        [text('good', true), success],
      ],
    ],
  });
  await job.process();
  expect(foldedText(foldEvents(emptyFold, await job.events()))).toBe('good');
});

describe('a call that did not begin', () => {
  test('is made again until it begins, each wait is said, and each execution has an id of its own', async () => {
    const busy = end(failure('upstream_busy', { httpStatus: 429, retryAfterMs: 1 }));
    const job = await bench({ scripts: [[unreachable], [busy], hello] });
    await job.process();
    expect(await job.types()).toEqual([
      'queued',
      'throttled',
      'throttled',
      'started',
      'output',
      'output',
      'completed',
    ]);
    const throttled = (await job.events()).filter((event) => event.type === 'throttled');
    expect(throttled.map(({ reason }) => reason)).toEqual(['upstream_unreachable', 'upstream_busy']);
    const ids = job.claudeApi.calls.map(({ request }) => request.executionId);
    expect(new Set(ids).size).toBe(3);
  });

  test.each([
    ['holds a slot while claude-api takes nothing', 429, []],
    ['holds none while its workspace is in use', 409, [true, false]],
  ])('%s', async (_what, httpStatus, waits) => {
    const busy = end(failure('upstream_busy', { httpStatus, retryAfterMs: 1 }));
    const job = await bench({ scripts: [[busy], [[started, success]]] });
    expect((await job.process()).status).toBe('completed');
    expect(job.waits).toEqual(waits);
  });

  test("names the tenant's own workspace", async () => {
    const job = await bench({ scripts: [hello], spec: { workspace: 'main' } });
    await job.process();
    const [call] = job.claudeApi.calls;
    expect(call?.request.options?.workspace).toBe(tenantWorkspace(TENANT, 'main'));
  });

  test('is not made again under "never", and the failure says that a retry is safe', async () => {
    const job = await bench({ scripts: [[unreachable], hello], spec: { retry: 'never' } });
    await job.process();
    expect(job.claudeApi.calls).toHaveLength(1);
    expect((await job.events()).at(-1)).toMatchObject({
      type: 'failed',
      error: { code: 'upstream_unreachable', retrySafe: true },
      partial: false,
    });
  });

  test('is not made again when upstream asks to wait beyond the deadline', async () => {
    const busy = end(failure('upstream_busy', { httpStatus: 503, retryAfterMs: 120_000 }));
    const job = await bench({ scripts: [[busy], hello], totalMs: 60_000 });
    await job.process();
    expect(job.claudeApi.calls).toHaveLength(1);
    expect((await job.events()).at(-1)).toMatchObject({ error: { code: 'upstream_busy', retrySafe: true } });
  });
});

describe('a call that broke after output', () => {
  const broken: Step[] = [[started, text('half', true)], end(failure('upstream_cut'))];

  test('is not made again under "safe"', async () => {
    const job = await bench({ scripts: [broken, hello] });
    expect(await job.process()).toMatchObject({ status: 'failed', error: 'upstream_cut' });
    expect(job.claudeApi.calls).toHaveLength(1);
  });

  test('is made again under "always", also when upstream is away for a while, and its output is void', async () => {
    const job = await bench({ scripts: [broken, [unreachable], broken, hello], spec: { retry: 'always' } });
    expect(await job.process()).toEqual({ status: 'completed', error: undefined });
    expect(job.claudeApi.calls).toHaveLength(4);
    const events = await job.events();
    expect(foldedText(foldEvents(emptyFold, events))).toBe('Hello');
    const resets = events.filter((event) => event.type === 'reset');
    expect(resets.map(({ discardFromSeq, attemptsLeft }) => [discardFromSeq, attemptsLeft])).toEqual([
      [2, 1],
      [2, 0],
    ]);
  });

  test.each([
    [undefined, 3],
    [1, 1],
    [4, 4],
  ])(
    'is made under "always" as often as the job may be begun (%s), and the end says which that was',
    async (maxAttempts, calls) => {
      const spec = { retry: 'always', ...(maxAttempts === undefined ? {} : { maxAttempts }) } as const;
      const job = await bench({ scripts: [broken], spec });
      expect(await job.process()).toMatchObject({ status: 'failed', error: 'upstream_cut' });
      expect(job.claudeApi.calls).toHaveLength(calls);
      expect(job.claudeApi.calls[0]?.request.options).toEqual({});
      expect((await job.events()).at(-1)).toMatchObject({
        error: { message: `it was upstream_cut (attempt ${calls} of ${calls})`, retrySafe: false },
        partial: true,
      });
    },
  );

  test('counts the attempts before this one: the last of them begins nothing anew', async () => {
    const job = await bench({ scripts: [broken], spec: { retry: 'always', maxAttempts: 2 } });
    await job.log.begin(job.jobId, 60_000, 'lost');
    await job.log.release(job.jobId, 1, true);
    expect(await job.process()).toMatchObject({ status: 'failed', error: 'upstream_cut' });
    expect(job.claudeApi.calls).toHaveLength(1);
  });

  test('is counted before the next one is made, so that a worker that is lost in it has begun so often', async () => {
    const job = await bench({ scripts: [broken, []], spec: { retry: 'always' } });
    const { append } = job.log;
    const counted: string[] = [];
    job.context.log = {
      ...job.log,
      async append(batch) {
        const outcome = await append(batch);
        if (batch.change) counted.push(`${batch.change.code} after ${job.claudeApi.calls.length} call`);
        return outcome;
      },
    };
    const processed = job.process();
    await job.claudeApi.untilCalled(2);
    expect(counted).toEqual(['restarted after 1 call']);
    await job.log.release(job.jobId, 1, true);
    expect(await job.log.begin(job.jobId, 60_000, 'next')).toMatchObject({ attempt: { attempts: 3 } });
    job.context.leases.check(job.jobId);
    expect((await processed).status).toBe('lost');
  });
});

test('an attempt after a lost one voids what that put out', async () => {
  const job = await bench({ scripts: [hello], spec: { retry: 'always' } });
  await job.log.begin(job.jobId, 60_000, 'lost');
  const body = JSON.stringify({ type: 'output', text: 'half', begin: true });
  await job.log.append({ jobId: job.jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: true });
  await job.log.release(job.jobId, 1, true);
  await job.process();
  expect(await job.types()).toEqual([
    'queued',
    'output',
    'reset',
    'started',
    'output',
    'output',
    'completed',
  ]);
  expect(foldedText(foldEvents(emptyFold, await job.events()))).toBe('Hello');
});

test('answers of Redis that are lost change nothing: each event once, one end', async () => {
  const job = await bench({ scripts: [hello] });
  job.context.log = losingAnswers(job.log, (call) => call % 2 === 1);
  expect(await job.process()).toEqual({ status: 'completed', error: undefined });
  expect(await job.types()).toEqual(['queued', 'started', 'output', 'output', 'completed']);
  expect(job.claudeApi.calls).toHaveLength(1);
});

test('a fault of the worker ends the job as internal, and its call', async () => {
  const job = await bench({
    scripts: [
      [
        [started, text('half', true)],
        () => {
          throw new Error('a fault');
        },
      ],
    ],
  });
  expect(await job.process()).toMatchObject({ status: 'failed', error: 'internal' });
  expect((await job.events()).at(-1)).toMatchObject({ error: { code: 'internal' }, partial: true });
  expect(job.claudeApi.calls[0]?.ended).toBe(true);
});

test('a call that ends without an outcome is internal', async () => {
  const job = await bench({ scripts: [hello] });
  job.context.claudeApi = {
    ...job.claudeApi.client,
    execute: () =>
      asCall(
        (async function* () {
          yield [started];
        })(),
      ),
  };
  expect(await job.process()).toMatchObject({ status: 'failed', error: 'internal' });
});

test('an upstream that is faster than Redis is not read further until there is room', async () => {
  const gate = Promise.withResolvers<void>();
  const piece = 'x'.repeat(60_000);
  const batch = Array.from({ length: 50 }, () => text(piece));
  let batches = 0;
  const script: Step[] = [[started, text('a', true)]];
  for (let i = 0; i < 10; i += 1) {
    script.push(batch, () => {
      batches += 1;
    });
  }
  const job = await bench({ scripts: [[...script, [success]]] });
  job.context.log = {
    ...job.log,
    async append(given) {
      await gate.promise;
      return job.log.append(given);
    },
  };
  const processed = job.process();
  await job.claudeApi.untilCalled(1);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(batches).toBeLessThan(3);
  gate.resolve();
  expect((await processed).status).toBe('completed');
  expect(batches).toBe(10);
  expect(await job.types()).toHaveLength(1_004);
});
