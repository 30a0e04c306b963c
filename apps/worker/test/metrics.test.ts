import { setTimeout } from 'node:timers/promises';
import { createMetrics } from '@cc-executor/metrics';
import type { TerminalBody } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { countUse, createWorkerMetrics } from '../src/metrics.ts';
import { createBench, end, failure, started, success, text } from './harness.ts';

const session = { type: 'session', sessionId: 's', model: 'opus' } as const;
const usage = {
  inputTokens: 10,
  outputTokens: 20,
  cacheReadTokens: 30,
  cacheCreationTokens: 40,
  costUsd: 0.5,
};

function freshMetrics() {
  const metrics = createMetrics({ role: 'worker', version: 'test', isOn: false });
  const load = () => ({ running: 0, waiting: 0 });
  const parts = { slots: 1, maxWaiting: 1, load, isTaking: () => true, ping: async () => 'PONG' };
  return createWorkerMetrics(metrics, parts);
}

function completed(summary: Partial<TerminalBody>): TerminalBody {
  return { type: 'completed', evidence: 'result-line', ...summary } as TerminalBody;
}

async function costs(metrics: ReturnType<typeof freshMetrics>) {
  const { values } = await metrics.cost.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.model, value])) as Record<
    string,
    number
  >;
}

test('what a job took counts for its models, and where they are not known for none', async () => {
  const metrics = freshMetrics();
  countUse(metrics, completed({ costUsd: 0.5, models: { opus: usage } }));
  countUse(metrics, completed({ costUsd: 0.25, usage: { input_tokens: 3, service_tier: 'standard' } }));
  expect(await costs(metrics)).toEqual({ opus: 0.5, '': 0.25 });
  const { values } = await metrics.tokens.get();
  const counted = values.filter(({ value }) => value > 0);
  expect(counted.map(({ labels, value }) => [labels.model, labels.kind, value])).toEqual([
    ['opus', 'input', 10],
    ['opus', 'output', 20],
    ['opus', 'cache_read', 30],
    ['opus', 'cache_creation', 40],
    ['', 'input', 3],
  ]);
});

test('however many names upstream has for models, the series are bounded and nothing is lost of the sum', async () => {
  const metrics = freshMetrics();
  for (let i = 0; i < 100; i += 1) countUse(metrics, completed({ models: { [`model-${i}`]: usage } }));
  const byModel = await costs(metrics);
  expect(Object.keys(byModel).length).toBeLessThanOrEqual(17);
  expect(byModel.others).toBeGreaterThan(0);
  expect(Object.values(byModel).reduce((sum, cost) => sum + cost, 0)).toBeCloseTo(50);
});

test('a first output is told by what it waited for, and the parts after the queue are the whole', async () => {
  const bench = await createBench({
    scripts: [
      [() => setTimeout(50), end(failure('upstream_busy', { httpStatus: 429 }))],
      [[started], [session], [text('Hello')], [success]],
    ],
  });
  await bench.process();
  bench.close();
  const { metrics } = bench.context as unknown as { metrics: ReturnType<typeof freshMetrics> };
  const sums = (await metrics.firstOutputParts.get()).values.filter(({ metricName }) =>
    metricName?.endsWith('_sum'),
  );
  const byCause = Object.fromEntries(sums.map(({ labels, value }) => [labels.cause, value])) as Record<
    string,
    number
  >;
  expect(Object.keys(byCause)).toEqual(['queue', 'retries', 'start', 'answer']);
  const { queue: _, ...parts } = byCause;
  expect(parts.retries).toBeGreaterThan(0.045);
  const [whole] = (await metrics.firstOutput.get()).values.filter(({ metricName }) =>
    metricName?.endsWith('_sum'),
  );
  const together = Object.values(parts).reduce((sum, seconds) => sum + seconds, 0);
  expect(Math.abs(together - (whole?.value ?? 0))).toBeLessThan(0.005);
});
