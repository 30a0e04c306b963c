import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { RunSummary } from '@cc-executor/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { createSpending } from '../src/spending.ts';
import { createBench, digest, end, failure, type Step, started, TENANT, text } from './harness.ts';

function took(model: string, tokens: number, costUsd: number): RunSummary {
  const counts = { inputTokens: tokens, outputTokens: 1, cacheReadTokens: 0, cacheCreationTokens: 0 };
  return { usage: { input_tokens: tokens }, models: { [model]: { ...counts, costUsd } }, costUsd };
}

function cut(summary: RunSummary): UpstreamOutcome {
  return { status: 'failed', code: 'upstream_cut', message: 'cut', sent: true, ...summary };
}

test('of a job that was begun once the ending says what it did before', () => {
  const ending = took('opus', 5, 0.25);
  expect(createSpending(0).addTo(ending, cut(ending))).toEqual(ending);
});

test('what was set aside stays counted, once, and each attempt is named', () => {
  const spending = createSpending(0);
  const rest = spending.setAside(cut({ ...took('opus', 5, 0.25), turns: 3 }));
  expect(rest).toEqual(cut({ turns: 3 }));
  const first = { outcome: 'upstream_cut', usage: { input_tokens: 5 }, costUsd: 0.25 };
  // It ends before the next call is made.
  expect(spending.addTo({ turns: 3 }, undefined)).toEqual({
    ...took('opus', 5, 0.25),
    turns: 3,
    attempts: [first],
  });
  spending.setAside(cut({}));
  const last = took('haiku', 7, 0.5);
  const whole: RunSummary = spending.addTo(last, {
    ...last,
    ...{ status: 'completed', evidence: 'result-line', digest: { bytes: 0, sha256: '' } },
  });
  expect(whole).toMatchObject({ usage: { input_tokens: 12 }, costUsd: 0.75 });
  expect(whole.models).toEqual({ ...took('opus', 5, 0.25).models, ...last.models });
  expect(whole.attempts).toEqual([
    first,
    { outcome: 'upstream_cut' },
    { outcome: 'completed', usage: { input_tokens: 7 }, costUsd: 0.5 },
  ]);
});

test('the use of one model is added up, and of many models the rest together', () => {
  const spending = createSpending(0);
  spending.setAside(cut(took('opus', 5, 0.25)));
  const { models } = spending.addTo(took('opus', 7, 0.5), undefined);
  expect(models?.opus).toMatchObject({ inputTokens: 12, outputTokens: 2, costUsd: 0.75 });
  for (let n = 0; n < 25; n += 1) spending.setAside(cut(took(`model-${n}`, 1, 0.01)));
  const nothing: RunSummary = {};
  const many = spending.addTo(nothing, undefined);
  expect(Object.keys(many.models ?? {})).toHaveLength(21);
  expect(many.models?.others).toMatchObject({ inputTokens: 6 });
  expect(many.attempts).toHaveLength(10);
});

test('an attempt that was lost is named as unknown', () => {
  const { attempts } = createSpending(2).addTo(took('opus', 1, 1), cut(took('opus', 1, 1)));
  expect(attempts?.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'upstream_cut']);
});

test('a job that may be repeated costs what all attempts cost, and the end has each of them', async () => {
  const halves = [0.25, 0.5].map((costUsd): Step[] => [
    [started, text('half', true)],
    end({ ...failure('upstream_cut'), costUsd }),
  ]);
  const scripts = [
    ...halves,
    [
      [started, text('Hello', true)],
      end({ status: 'completed', evidence: 'complete-line', digest, costUsd: 1 }),
    ],
  ];
  const job = await createBench({ scripts, spec: { retry: 'always' } });
  onTestFinished(job.close);
  expect(await job.process()).toMatchObject({ status: 'completed' });
  const events = await job.events();
  expect(events.flatMap((event) => (event.type === 'reset' ? [event.costUsd] : []))).toEqual([0.25, 0.5]);
  expect(events.at(-1)).toMatchObject({
    costUsd: 1.75,
    attempts: [
      { outcome: 'upstream_cut', costUsd: 0.25 },
      { outcome: 'upstream_cut', costUsd: 0.5 },
      { outcome: 'completed', costUsd: 1 },
    ],
  });
  // As lists show it.
  expect((await job.log.list(TENANT, { limit: 1 })).jobs).toMatchObject([{ costUsd: 1.75 }]);
});

test('what a failed job cost, and its code, are shown by lists', async () => {
  const scripts = [[[started, text('half', true)], end({ ...failure('claude_error'), costUsd: 0.5 })]];
  const job = await createBench({ scripts });
  onTestFinished(job.close);
  await job.process();
  const { jobs } = await job.log.list(TENANT, { limit: 1 });
  expect(jobs).toMatchObject([{ status: 'failed', failure: 'claude_error', costUsd: 0.5 }]);
});
