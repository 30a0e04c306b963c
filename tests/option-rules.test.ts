/** The gateway refuses what claude-api would refuse, and lets through what it takes: one set of rules in two places. */
import { executeParamsSchema } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { executeSchema } from '../apps/claude-api/src/request-schema.ts';

const values: Record<string, { taken: unknown[]; refused: unknown[] }> = {
  fallbackModel: {
    taken: ['sonnet', 'opus,sonnet[1m]', 'anthropic.claude-v2:1/x@y'],
    refused: ['', '--resume', 'sonnet,--resume', 'sonnet, opus', 'son net', 7],
  },
  maxBudgetUsd: { taken: [0.01, 1_000_000], refused: [0, -1, '1', 1_000_001] },
  effort: { taken: ['low', 'medium', 'high', 'xhigh', 'max'], refused: ['', 'extreme', '--effort'] },
  addDirs: {
    taken: [[], ['/srv'], ['/a b', '/-c']],
    refused: [['srv'], ['--add-dir=/'], ['/a\0b'], '/srv', Array(21).fill('/srv'), [`/${'x'.repeat(1_024)}`]],
  },
  mcpConfig: {
    taken: ['files', ['files', 'tickets_2'], []],
    refused: ['../x', '-x', '', 'a.json', ['/etc/passwd'], Array(11).fill('a'), 'x'.repeat(65)],
  },
  env: {
    taken: [{}, { CI: '1', _x: '' }, { A: '--flag' }],
    refused: [{ 'A=B': '1' }, { '': '1' }, { '-A': '1' }, { A: '\0' }, { A: 1 }, { A: 'x'.repeat(32_769) }],
  },
};

test.each(Object.entries(values))(
  '%s: both schemas take the same and refuse the same',
  (name, { taken, refused }) => {
    const judge = (value: unknown) => [
      executeParamsSchema.safeParse({ prompt: 'hello', [name]: value }).success,
      executeSchema.safeParse({ question: 'hello', [name]: value }).success,
    ];
    for (const value of taken) expect(judge(value), JSON.stringify(value)).toEqual([true, true]);
    for (const value of refused) expect(judge(value), JSON.stringify(value)).toEqual([false, false]);
  },
);

test('every option of claude-api can be had through the gateway, but for what the worker sets', () => {
  const own = ['question', 'executionId', 'timeoutMs'];
  const offered = Object.keys(executeSchema.shape).filter((name) => !own.includes(name));
  expect(Object.keys(executeParamsSchema.shape)).toEqual(expect.arrayContaining(offered));
});
