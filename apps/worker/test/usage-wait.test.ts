import { expect, it } from 'vitest';
import { blockedUntil, planWait } from '../src/usage-wait.ts';
import { failure } from './harness.ts';

const NOW = 1_795_500_000_000;
const RESET = NOW + 10_000;
const limited = failure('claude_usage_limit', { resetsAt: RESET, began: false });
const notAsked = failure('claude_usage_limit', { resetsAt: RESET, sent: false });
const inTheMidst = failure('claude_usage_limit', { resetsAt: RESET });

function plan(changes: Partial<Parameters<typeof planWait>[0]> = {}) {
  const usual = { failure: limited, policy: 'safe', hasOutput: false, attemptsLeft: 1 } as const;
  return planWait({ ...usual, takeBy: RESET + 1, now: NOW, ...changes });
}

it('waits for the reset when the job may still be taken then, and not otherwise', () => {
  expect(plan()).toBe(RESET);
  expect(plan({ takeBy: RESET })).toBeUndefined();
  expect(plan({ takeBy: 0 })).toBeUndefined();
});

it('waits for nothing but a usage limit whose reset is known', () => {
  for (const code of ['claude_rate_limited', 'claude_overloaded', 'claude_credit'] as const) {
    expect(plan({ failure: failure(code, { resetsAt: RESET, began: false }) })).toBeUndefined();
  }
  expect(plan({ failure: failure('claude_usage_limit', { began: false }) })).toBeUndefined();
});

it('tries again after a minute where the limit holds beyond its reset, unless that has long passed', () => {
  const past = { ...limited, resetsAt: NOW };
  expect(blockedUntil(past, NOW)).toBe(NOW + 60_000);
  expect(plan({ failure: past, takeBy: NOW + 60_001 })).toBe(NOW + 60_000);
  expect(blockedUntil({ ...limited, resetsAt: NOW - 59_999 }, NOW)).toBe(NOW + 60_000);
  expect(plan({ failure: { ...limited, resetsAt: NOW - 60_000 }, takeBy: NOW + 1e9 })).toBeUndefined();
});

it.each([
  ['never', { failure: limited }, false],
  ['never', { failure: notAsked }, true],
  ['safe', { failure: notAsked }, true],
  ['safe', { failure: inTheMidst }, false],
  ['safe', { failure: limited, hasOutput: true }, false],
  ['safe', { failure: notAsked, hasOutput: true }, false],
  ['always', { failure: inTheMidst, hasOutput: true }, true],
  ['always', { failure: inTheMidst, hasOutput: true, attemptsLeft: 0 }, false],
  ['always', { failure: limited, attemptsLeft: 0 }, true],
  ['always', { failure: notAsked, hasOutput: true, attemptsLeft: 0 }, true],
] as const)(
  'waits only where running it repeats nothing that must not be: %s, %o: %s',
  (policy, of, waits) => {
    expect(plan({ policy, ...of })).toBe(waits ? RESET : undefined);
  },
);
