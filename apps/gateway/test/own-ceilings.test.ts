/** The ceilings of a tenant and of a key: each is named with its value when it is passed, and stands for what is not said. */
import type { Limits } from '@cc-executor/identity';
import { expect, test } from 'vitest';
import { withinCeilings } from '../src/operations/ceilings.ts';
import {
  createCeilingsFor,
  findBeyond,
  furtherCeilings,
  withOwnDefaults,
} from '../src/operations/own-ceilings.ts';
import type { Holder } from '../src/quotas/holders.ts';
import { noCeilings } from './harness.ts';

const identity = { tenant: 'acme', scopes: ['write'], who: 'key_1', proof: { kind: 'none' } } as const;
const holders = (tenant: Limits, key: Limits = {}): Holder[] => [
  { of: 'tenant', account: 'acme', limits: tenant },
  { of: 'key', account: 'acme/key_1', limits: key },
];

test.each<[Parameters<typeof findBeyond>[0], Limits, string]>([
  [
    { timeouts: { totalMs: 61_000 } },
    { 'timeouts.totalMs': 60_000 },
    'timeouts.totalMs may be at most 60000',
  ],
  [{ retry: 'always', maxAttempts: 3 }, { maxAttempts: 2 }, 'maxAttempts may be at most 2'],
  [{ maxTurns: 11 }, { maxTurns: 10 }, 'maxTurns may be at most 10'],
  [{ maxBudgetUsd: 1.01 }, { maxBudgetUsd: 1 }, 'maxBudgetUsd may be at most 1'],
  [{ priority: 4 }, { priority: 5 }, 'priority may be no lower than 5'],
  [{ model: 'opus' }, { models: ['sonnet', 'haiku'] }, 'the model opus is not one of sonnet, haiku'],
  [{ fallbackModel: 'haiku,opus' }, { models: ['haiku'] }, 'the model opus is not one of haiku'],
  [{ allowedTools: ['Read', 'Bash(ls:*)'] }, { tools: ['Read'] }, 'the tool Bash(ls:*) is not one of Read'],
  [{ permissionMode: 'bypassPermissions' }, { tools: ['Read'] }, 'permissionMode may be'],
  [{ env: { LANG: 'C', PATH: '/' } }, { env: ['LANG'] }, 'the variable PATH is not one of LANG'],
  [{ env: { LANG: 'C' } }, { env: [] }, 'the variable LANG is not one of none'],
])('%j is beyond %j', (asked, limits, words) => {
  for (const [of, both] of [
    ['tenant', holders(limits)],
    ['key', holders({}, limits)],
  ] as const) {
    const found = findBeyond(asked, both);
    expect(found).toEqual([expect.stringContaining(words)]);
    expect(found[0]).toContain(`(of the ${of})`);
  }
  expect(findBeyond(asked, holders({}))).toEqual([]);
});

test('what is within them passes, a tool also with a pattern of its own', () => {
  const limits: Limits = {
    'timeouts.totalMs': 60_000,
    models: ['sonnet'],
    tools: ['Bash', 'Edit(/a)'],
    env: ['LANG'],
  };
  const asked = {
    ...{ timeouts: { totalMs: 60_000 }, model: 'sonnet', allowedTools: ['Bash(ls:*)', 'Edit(/a)'] },
    ...{ env: { LANG: 'C' }, permissionMode: 'plan' },
  };
  expect(findBeyond(asked, holders(limits, limits))).toEqual([]);
  expect(findBeyond({ allowedTools: ['Edit(/b)'] }, holders(limits))).toHaveLength(1);
});

test('what is not said is lowered to the strictest of the operator, the tenant and the key', () => {
  const both = holders(
    {
      'timeouts.totalMs': 60_000,
      'timeouts.idleMs': 1_000,
      models: ['opus', 'sonnet'],
      maxBudgetUsd: 3,
      priority: 2,
    },
    {
      'timeouts.totalMs': 90_000,
      models: ['haiku', 'sonnet'],
      tools: ['Read'],
      maxBudgetUsd: 2,
      maxTurns: 9,
    },
  );
  const operators = { ...noCeilings, 'timeouts.idleMs': 500, priority: 7 };
  const ceilings = createCeilingsFor(operators, () => both)(identity);
  expect(ceilings).toMatchObject({ 'timeouts.totalMs': 60_000, 'timeouts.idleMs': 500, priority: 7 });
  expect(furtherCeilings(both)).toEqual({
    models: ['sonnet'],
    tools: ['Read'],
    maxBudgetUsd: 2,
    maxTurns: 9,
  });
  expect(withinCeilings(withOwnDefaults({}, both), ceilings)).toEqual({
    ...{ model: 'sonnet', allowedTools: ['Read'], maxBudgetUsd: 2, maxTurns: 9, priority: 7 },
    timeouts: { totalMs: 60_000, idleMs: 500 },
  });
  const said = { model: 'haiku', maxTurns: 1, timeouts: { totalMs: 5_000 } };
  expect(withinCeilings(withOwnDefaults(said, both), ceilings)).toMatchObject(said);
});
