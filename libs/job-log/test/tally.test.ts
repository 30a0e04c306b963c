import type { TerminalBody } from '@cc-executor/protocol';
import { expect, it } from 'vitest';
import { partsOf, quantilesOf, sumOf, tallyOf } from '../src/tally.ts';

const job = { tenant: 'acme:eu', status: 'completed' } as const;
const model = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheCreationTokens: 0, costUsd: 0.1 };

function completed(summary: Partial<TerminalBody>): TerminalBody {
  return { type: 'completed', evidence: 'result-line', ...summary } as TerminalBody;
}

it('an ended job counts with its reason, its waits and what it took, in whole numbers', () => {
  const ending = completed({ models: { opus: model, haiku: model }, timings: { queueMs: 5, startMs: 900 } });
  const { minute, day } = tallyOf({ ...job, ageMs: 20_000 }, ending);
  expect(minute).toEqual({
    'ended:completed:': 1,
    microUsd: 200_000,
    'queue:0': 1,
    'start:13': 1,
    'duration:22': 1,
  });
  expect(day).toEqual({
    'tenant:jobs:acme:eu': 1,
    'tenant:microUsd:acme:eu': 200_000,
    'tenant:tokens:acme:eu': 12,
    'model:microUsd:opus': 100_000,
    'model:input:opus': 1,
    'model:output:opus': 2,
    'model:cache_read:opus': 3,
    'model:microUsd:haiku': 100_000,
    'model:input:haiku': 1,
    'model:output:haiku': 2,
    'model:cache_read:haiku': 3,
  });
});

it.each<[TerminalBody, string]>([
  [
    {
      type: 'failed',
      error: { code: 'claude_auth', message: '', retrySafe: false },
      partial: false,
    },
    'ended:failed:claude_auth',
  ],
  [{ type: 'timed_out', limit: 'idle', partial: true }, 'ended:timed_out:idle'],
  [{ type: 'cancelled', by: 'operator', partial: false }, 'ended:cancelled:operator'],
])('why it ended stands in the name: %o', (ending, name) => {
  expect(tallyOf({ ...job, status: ending.type }, ending).minute).toEqual({ [name]: 1 });
});

it('a job whose end cannot be read counts all the same', () => {
  expect(tallyOf(job, undefined)).toEqual({
    minute: { 'ended:completed:': 1 },
    day: { 'tenant:jobs:acme:eu': 1 },
  });
});

it('names are read as they were made, also of tenants with colons in them, and of models without a name', () => {
  expect(partsOf('tenant:jobs:acme:eu')).toEqual(['tenant', 'jobs', 'acme:eu']);
  expect(partsOf('model:input:')).toEqual(['model', 'input', '']);
});

it('quantiles are as near as a fifth, whatever the durations', () => {
  const durations = Array.from({ length: 1_000 }, (_, i) => 15 + i * i * 0.05);
  const counters = sumOf(durations.map((ageMs) => tallyOf({ ...job, ageMs }, undefined).minute));
  const { jobs, quantiles } = quantilesOf('duration', counters, [0.5, 0.95, 0.99]) ?? {};
  expect(jobs).toBe(1_000);
  for (const [i, part] of [0.5, 0.95, 0.99].entries()) {
    const exact = durations[part * 1_000] ?? 0;
    expect(Math.abs((quantiles?.[i] ?? 0) - exact) / exact, `p${part}`).toBeLessThan(0.2);
  }
  expect(quantilesOf('queue', counters, [0.5])).toBeUndefined();
});

it('what takes longer than the last bucket counts in it', () => {
  const { minute } = tallyOf({ ...job, ageMs: 1e9 }, undefined);
  expect(quantilesOf('duration', minute, [0.99])?.quantiles[0]).toBeGreaterThan(9e6);
});
