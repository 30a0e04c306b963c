import { refusalCodes, type UpstreamFailureCode, type UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { RetryPolicy } from '@cc-executor/protocol';
import { describe, expect, test } from 'vitest';
import { planRetry } from '../src/retry.ts';
import { digest, failure } from './harness.ts';

function plan(
  outcome: UpstreamOutcome,
  policy: RetryPolicy,
  more: Partial<Parameters<typeof planRetry>[0]> = {},
) {
  return planRetry({
    outcome,
    policy,
    hasOutput: false,
    call: 1,
    attemptsLeft: 2,
    remainingMs: 60_000,
    random: () => 0.5,
    ...more,
  });
}

const unsent = failure('upstream_unreachable', { sent: false });
const busy = failure('upstream_busy', { httpStatus: 429 });
const begun: UpstreamFailureCode[] = [
  'upstream_cut',
  'upstream_incomplete',
  'upstream_garbage',
  'upstream_error',
  'upstream_http_error',
  'upstream_cancelled',
  'digest_mismatch',
  'claude_overloaded',
  'claude_rate_limited',
];
const final: UpstreamFailureCode[] = [
  'claude_auth',
  'claude_max_turns',
  'claude_budget',
  'claude_interrupted',
  'claude_error',
  'upstream_line_too_long',
  ...refusalCodes,
];

describe('what did not begin', () => {
  test.each([
    ['unsent', unsent],
    ['refused', busy],
  ])('is tried again under "safe" and "always", not under "never": %s', (_name, outcome) => {
    expect(plan(outcome, 'safe')).toMatchObject({ delayMs: 125, restart: false });
    expect(plan(outcome, 'always')).toMatchObject({ delayMs: 125, restart: false });
    expect(plan(outcome, 'never')).toBeUndefined();
  });

  test.each([
    ['unsent', unsent],
    ['refused', busy],
  ])('is tried again under "always" also when an earlier try put output out: %s', (_name, outcome) => {
    expect(plan(outcome, 'always', { hasOutput: true, attemptsLeft: 0 })).toMatchObject({
      delayMs: 125,
      restart: false,
    });
    expect(plan(outcome, 'safe', { hasOutput: true })).toBeUndefined();
  });

  test('is tried again as often as the deadline allows', () => {
    expect(plan(unsent, 'safe', { call: 1_000 })).toMatchObject({ delayMs: 7_500, restart: false });
  });
});

describe('what had begun', () => {
  test.each(begun)('is never repeated under "safe" or "never": %s', (code) => {
    for (const hasOutput of [false, true]) {
      expect(plan(failure(code), 'safe', { hasOutput })).toBeUndefined();
      expect(plan(failure(code), 'never', { hasOutput })).toBeUndefined();
    }
  });

  test.each(begun)('begins anew under "always", and not for ever: %s', (code) => {
    expect(plan(failure(code), 'always', { hasOutput: true })).toMatchObject({ delayMs: 125, restart: true });
    expect(plan(failure(code), 'always', { attemptsLeft: 1 })).toMatchObject({ delayMs: 125, restart: true });
    expect(plan(failure(code), 'always', { attemptsLeft: 0 })).toBeUndefined();
  });

  test.each(final)('ends the job under every policy, since another try would end alike: %s', (code) => {
    for (const policy of ['safe', 'never', 'always'] as const)
      expect(plan(failure(code), policy)).toBeUndefined();
  });
});

test.each<UpstreamOutcome>([
  { status: 'completed', evidence: 'clean-eof', digest },
  { status: 'timed_out', limit: 'idle' },
  { status: 'timed_out', limit: 'firstOutput' },
  { status: 'aborted' },
])('no other end is tried again: $status', (outcome) => {
  for (const policy of ['safe', 'never', 'always'] as const) expect(plan(outcome, policy)).toBeUndefined();
});

describe('the delay', () => {
  test('is what upstream asks for, if that is longer', () => {
    expect(plan({ ...busy, retryAfterMs: 2_000 }, 'safe')?.delayMs).toBe(2_000);
    expect(plan({ ...busy, retryAfterMs: 1 }, 'safe')?.delayMs).toBe(125);
  });

  test('never reaches beyond the deadline: then there is no other try', () => {
    expect(plan({ ...busy, retryAfterMs: 2_000 }, 'safe', { remainingMs: 2_001 })?.delayMs).toBe(2_000);
    expect(plan({ ...busy, retryAfterMs: 2_000 }, 'safe', { remainingMs: 2_000 })).toBeUndefined();
    expect(plan(unsent, 'safe', { remainingMs: 0 })).toBeUndefined();
  });

  test('grows with each call, up to a limit', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((call) => plan(unsent, 'safe', { call })?.delayMs);
    expect(delays).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 7_500, 7_500]);
  });
});

describe('the wait for another try', () => {
  test('keeps the slot when claude-api takes nothing from anybody', () => {
    for (const httpStatus of [429, 503, 529]) {
      expect(plan(failure('upstream_busy', { httpStatus }), 'safe')).toMatchObject({ freesSlot: false });
    }
    expect(plan(unsent, 'safe')).toMatchObject({ freesSlot: false });
  });

  test('frees the slot when it is for something of its own', () => {
    const inUse = failure('upstream_busy', { httpStatus: 409 });
    expect(plan(inUse, 'safe')).toMatchObject({ freesSlot: true });
    for (const code of begun) expect(plan(failure(code), 'always')).toMatchObject({ freesSlot: true });
  });
});
