/** What each option takes and refuses, and that none lets a flag of Claude Code through. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { optionNames } from '../src/index.ts';
import { optionSchemas } from '../src/schema.ts';

const FLAGS = ['--dangerously-skip-permissions', '-p', '--settings=/x'];
const UUID = '2f6c9f0e-4d5b-4f0a-9a51-0c6d0f3b7e11';

const tools = {
  taken: [
    [],
    ['Read'],
    ['Bash(git log:*)', 'mcp__files__read', 'mcp__files__*'],
    [`Bash(${'x'.repeat(994)})`],
  ],
  refused: [
    ...[['-p'], ['Read,Bash'], ['Read Bash'], ['Read(a) Bash(b)'], [' Read'], ['Bash(a\nb)'], ['']],
    ...['Read', Array(101).fill('Read'), [`Bash(${'x'.repeat(995)})`], [7]],
  ],
};

const values: Record<string, { taken: unknown[]; refused: unknown[] }> = {
  model: {
    taken: ['opus', 'sonnet[1m]', 'anthropic.claude-v2:1/x@y', 'x'.repeat(256)],
    refused: [...FLAGS, '', 'a b', 'a\0', 'opus,sonnet', 'x'.repeat(257), ['opus']],
  },
  fallbackModel: {
    taken: ['sonnet', 'opus,sonnet[1m]', 'anthropic.claude-v2:1/x@y', 'x'.repeat(1_024)],
    refused: [...FLAGS, '', 'sonnet,--resume', 'sonnet, opus', 'son net', 'opus,', 'x'.repeat(1_025), 7],
  },
  systemPrompt: {
    taken: ['x', '--anything\n', 'x'.repeat(32_768)],
    refused: ['', 'a\0b', 'x'.repeat(32_769), 7],
  },
  appendSystemPrompt: {
    taken: ['', '--anything\n', 'x'.repeat(32_768)],
    refused: ['a\0b', 'x'.repeat(32_769), 7],
  },
  attachments: {
    taken: [
      [],
      [image('AAAA')],
      Array(10).fill({ mediaType: 'application/pdf', data: 'AA==' }),
      [image('A'.repeat(700_000)), image('A'.repeat(700_000))],
    ],
    refused: [
      ...[[image('')], [image('A')], [image('A!==')], [image('data:image/png;base64,AAAA')], image('AAAA')],
      ...[[{ mediaType: 'image/svg+xml', data: 'AAAA' }], [{ ...image('AAAA'), path: '/etc/passwd' }]],
      ...[Array(11).fill(image('AAAA')), [image('A'.repeat(700_000)), image('A'.repeat(700_004))]],
    ],
  },
  outputSchema: {
    taken: [
      { type: 'object' },
      { type: 'object', description: 'x'.repeat(16_384 - 34) },
      { type: 'object', default: nested(19) },
    ],
    refused: [
      ...[{}, { type: 'array' }, { type: ['object'] }, '{"type":"object"}', [{ type: 'object' }], true],
      { type: 'object', description: 'x'.repeat(16_384 - 33) },
      ...[20, 2_000].map((levels) => ({ type: 'object', default: nested(levels) })),
    ],
  },
  allowedTools: tools,
  disallowedTools: tools,
  permissionMode: { taken: ['plan', 'acceptEdits'], refused: [...FLAGS, '', 'a b', 'x'.repeat(65)] },
  maxTurns: { taken: [1, 10_000], refused: [0, -1, 1.5, '1', 10_001] },
  maxBudgetUsd: { taken: [0.01, 1_000_000], refused: [0, -1, '1', 1_000_001] },
  effort: { taken: ['low', 'medium', 'high', 'xhigh', 'max'], refused: ['', 'extreme', '--effort'] },
  addDirs: {
    taken: [[], ['/srv'], ['/'], ['/a b', '/-c']],
    refused: [['srv'], ['--add-dir=/'], ['/a\0b'], '/srv', Array(21).fill('/srv'), [`/${'x'.repeat(1_024)}`]],
  },
  mcpConfig: {
    taken: ['files', ['files', 'tickets_2'], []],
    refused: [
      ...['../x', '-x', '', 'a.json', '{"mcpServers":{}}', 'x'.repeat(65)],
      ...[['/etc/passwd'], Array(11).fill('a')],
    ],
  },
  env: {
    taken: [{}, { CI: '1', _x: '' }, { A: '--flag' }, { A: 'x'.repeat(32_768) }],
    refused: [
      ...[{ 'A=B': '1' }, { '': '1' }, { '-A': '1' }, { A: '\0' }, { A: 1 }],
      ...[{ A: 'x'.repeat(32_769) }, { ['A'.repeat(129)]: '1' }],
    ],
  },
  settings: {
    taken: [{}, { language: 'german', attribution: { commit: '' } }, { a: 'x'.repeat(16_384 - 8) }],
    refused: [
      ...['/etc/settings.json', '{}', [{}], true, { a: 'x'.repeat(16_384 - 7) }],
      ...[10, 2_000].map((levels) => ({ a: nested(levels) })),
    ],
  },
  workspace: { taken: ['w', 'a_B-9'], refused: [...FLAGS, '', '../w', '.locks', 'a/b', 'x'.repeat(65)] },
  from: {
    taken: [
      { git: 'https://git.example/acme/site.git' },
      { git: 'https://git.example/acme/site', ref: 'main', depth: 50 },
      { archive: 'https://files.example/site.tar.gz?signature=x' },
    ],
    refused: [
      'https://git.example/a',
      {},
      { git: 'file:///a' },
      { git: 'https://git.example/a', branch: 'x' },
    ],
  },
  conversation: {
    taken: [UUID, UUID.toUpperCase()],
    refused: [...FLAGS, '', 'hello', '../../x', ` ${UUID}`, `${UUID}0`, UUID.replaceAll('-', '')],
  },
};

function image(data: string): object {
  return { mediaType: 'image/png', data };
}

function nested(levels: number): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

test('every option is tried here', () => {
  expect(Object.keys(values)).toEqual(optionNames);
});

test.each(optionNames)('%s takes what it should, as it is, and refuses the rest', (name) => {
  const schema: z.ZodType = optionSchemas[name];
  for (const value of values[name]!.taken) expect(schema.parse(value)).toEqual(value);
  for (const value of values[name]!.refused) {
    expect(schema.safeParse(value).success, JSON.stringify(value).slice(0, 80)).toBe(false);
  }
  expect(schema.parse(undefined)).toBeUndefined();
  expect(schema.safeParse(null).success).toBe(false);
});

test('every schema can be told to clients in other languages, with what it means', () => {
  for (const name of optionNames) {
    const schema = z.toJSONSchema(optionSchemas[name], { io: 'input' });
    expect(schema.description, name).toBeTruthy();
    expect(schema, name).not.toEqual({ description: schema.description });
  }
});
