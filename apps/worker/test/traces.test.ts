import type { Batch } from '@cc-executor/job-log';
import { createEpoch, createJobId } from '@cc-executor/protocol';
import { createMemoryJobLog } from '@cc-executor/testing';
import type { SpanPlan, Tracing } from '@cc-executor/tracing';
import { expect, it } from 'vitest';
import { type TracedLog, traceAttempts } from '../src/traces.ts';
import { silent, TENANT } from './harness.ts';

/** Spans in words: `name`, what it noted, and how it ended. */
function recordSpans() {
  const spans: { plan: SpanPlan; notes: string[]; end?: object }[] = [];
  const tracing: Tracing = {
    start(plan) {
      const span: (typeof spans)[number] = { plan, notes: [] };
      spans.push(span);
      return {
        traceparent: `of ${plan.name}`,
        note: (event) => void span.notes.push(event),
        end(how = {}) {
          span.end ??= how;
        },
      };
    },
    close: async () => undefined,
  };
  const ended = () =>
    spans
      .filter(({ end }) => end !== undefined)
      .map(({ plan, notes, end }) => ({ name: plan.name, notes, ...end }));
  return { tracing, ended };
}

async function openJob({ isReadable = true } = {}) {
  const { log } = createMemoryJobLog();
  const jobId = createJobId();
  const spec = { prompt: 'x' };
  await log.create({
    jobId,
    epoch: createEpoch(),
    tenant: TENANT,
    spec,
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'always',
  });
  const spans = recordSpans();
  const traced = traceAttempts({
    log,
    tracing: spans.tracing,
    traceLog: {
      read: async () => {
        if (!isReadable) throw new Error('away');
        return {
          jobId,
          tenant: TENANT,
          status: 'running',
          createdAt: 1_000,
          startedAt: 2_000,
          begunAt: 2_000,
        };
      },
    },
    logger: silent,
  });
  return { jobId, traced, ended: spans.ended };
}

async function append(
  traced: TracedLog,
  jobId: string,
  firstSeq: number,
  bodies: object[],
  more: Partial<Batch> = {},
) {
  const texts = bodies.map((body) => JSON.stringify(body));
  return traced.log.append({ jobId, fence: 1, firstSeq, bodies: texts, hasOutput: false, ...more });
}

const completed = { type: 'completed', text: 'x', evidence: 'complete-line' };
const finish = { terminal: 'completed' } as const;

it('tells what an attempt went through, once, and of the job that ends with it', async () => {
  const { jobId, traced, ended } = await openJob();
  expect(await traced.log.begin(jobId, 10_000, 'me')).toMatchObject({
    attempt: { traceparent: 'of attempt' },
  });
  await append(traced, jobId, 2, [{ type: 'throttled', untilMs: 1, reason: 'x' }, { type: 'started' }]);
  await append(traced, jobId, 4, [{ type: 'output', text: '{"type":"paused"' }], { hasOutput: true });
  await append(traced, jobId, 5, [{ type: 'output', text: 'b' }], { hasOutput: true });
  expect(ended()).toEqual([]);
  const failed = {
    type: 'failed',
    error: { code: 'claude_error', message: 'x', retrySafe: false },
    partial: true,
  };
  const ending = { failure: 'claude_error' };
  await append(traced, jobId, 6, [failed], { terminal: 'failed', ending });
  const notes = ['throttled', 'started', 'first_output'];
  expect(ended()).toMatchObject([
    { name: 'attempt', notes, error: 'claude_error' },
    { name: 'job', notes: ['failed'], error: 'claude_error' },
    { name: 'queue', endMs: 2_000 },
  ]);
  await append(traced, jobId, 6, [failed], { terminal: 'failed', ending });
  expect(ended()).toHaveLength(3);
});

it('ends an attempt that is handed back, and not its job', async () => {
  const { jobId, traced, ended } = await openJob();
  await traced.log.begin(jobId, 10_000, 'me');
  expect(await traced.log.release(jobId, 1, true)).toBe('ok');
  expect(ended()).toEqual([{ name: 'attempt', notes: [], attributes: { 'cc_executor.handed_back': true } }]);
});

it('tells nothing of an attempt that has lost its job, nor of one that this worker has given up', async () => {
  const { jobId, traced, ended } = await openJob();
  await traced.log.begin(jobId, 10_000, 'me');
  await traced.log.release(jobId, 1, true);
  const before = ended();
  expect(await append(traced, jobId, 2, [completed], finish)).toMatchObject({ code: 'fenced' });
  traced.forget(jobId);
  expect(await traced.log.begin(jobId, 10_000, 'others')).toMatchObject({ code: 'begun' });
  traced.forget(jobId);
  expect(await append(traced, jobId, 2, [completed], { ...finish, fence: 3 })).toMatchObject({ code: 'ok' });
  expect(ended()).toEqual(before);
});

it('lets a job run that cannot be traced', async () => {
  const { jobId, traced, ended } = await openJob({ isReadable: false });
  const begun = await traced.log.begin(jobId, 10_000, 'me');
  expect(begun).toMatchObject({ code: 'begun', attempt: { fence: 1 } });
  expect(begun).not.toHaveProperty('attempt.traceparent');
  expect(await append(traced, jobId, 2, [completed], finish)).toMatchObject({ code: 'ok' });
  expect(ended()).toEqual([]);
});
