import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createToolEvents, type ToolEvents } from '../src/tool-events.ts';

type Json = Record<string, unknown>;

function recorded(name: string): Json[] {
  const file = new URL(`../../../libs/testing/recordings/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as Json)
    .filter(({ type }) => type === 'assistant' || type === 'user');
}

function readAll(messages: readonly Json[], tools: ToolEvents = createToolEvents()) {
  return messages.flatMap((message) => tools.read(message).events);
}

describe('of a recorded run', () => {
  test('each tool starts and ends, with what it was given and gave', () => {
    const [started, ended, ...more] = readAll(recorded('tool'));
    expect(started).toMatchObject({
      type: 'tool_started',
      name: 'Bash',
      input: { command: expect.any(String) },
    });
    const { toolUseId } = started!;
    expect(ended).toMatchObject({ type: 'tool_ended', toolUseId, name: 'Bash', isError: false, text: '714' });
    expect(more).toEqual([]);
  });

  test.each(['failed-tool', 'denied-tool'])('%s ends as an error', (name) => {
    const ended = readAll(recorded(name)).filter(({ type }) => type === 'tool_ended');
    expect(ended).toMatchObject([
      { isError: true, text: expect.stringMatching(/Exit code 3|needs approval/) },
    ]);
  });

  test('a sub-agent is a tool', () => {
    expect(readAll(recorded('sub-agent')).map(({ type, name }) => [type, name])).toEqual([
      ['tool_started', 'Task'],
      ['tool_ended', 'Task'],
    ]);
  });
});

function use(id: unknown, more: Json = {}): Json {
  return {
    type: 'assistant',
    message: { content: [{ type: 'tool_use', id, name: 'Read', input: {} }] },
    ...more,
  };
}

function result(id: unknown, content: unknown, more: Json = {}): Json {
  return { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: id, content }] }, ...more };
}

test('what a sub-agent does has its parent, and takes the time that it takes', () => {
  let time = 100;
  const tools = createToolEvents(() => time);
  const more = { parent_tool_use_id: 'outer' };
  expect(readAll([use('inner', more)], tools)).toMatchObject([{ parent: 'outer' }]);
  time = 350.4;
  expect(readAll([result('inner', 'ok', more)], tools)).toEqual([
    {
      ...{ type: 'tool_ended', toolUseId: 'inner', name: 'Read', isError: false },
      ...{ text: 'ok', durationMs: 250, parent: 'outer' },
    },
  ]);
});

test('what is long is cut, and what is no text is named', () => {
  const long = { ...use('a') };
  long.message = {
    content: [{ type: 'tool_use', id: 'a', name: 'Write', input: { text: '🌱'.repeat(5_000) } }],
  };
  const content = [
    { type: 'image', source: {} },
    { type: 'text', text: '漢'.repeat(5_000) },
  ];
  const [started, ended] = readAll([long, result('a', content)]);
  expect(Buffer.byteLength(JSON.stringify(started))).toBeLessThan(4_400);
  expect(started).toMatchObject({ input: { text: expect.stringMatching(/^🌱{100,}…$/u) } });
  expect(ended).toMatchObject({ text: expect.stringMatching(/^\[image\]\n漢{1000,}$/) });
  expect(Buffer.byteLength(JSON.stringify(ended))).toBeLessThan(4_400);
});

test('what did not start does not end, nothing starts twice, and what is of another form says nothing', () => {
  const odd = [
    {},
    { type: 'user', message: { content: 'x' } },
    { type: 'assistant', message: { content: [7, null] } },
  ];
  expect(readAll([result('a', 'x'), use(undefined), use(7), ...odd])).toEqual([]);
  expect(readAll([use('a'), use('a'), result('a', 'x'), result('a', 'x')])).toHaveLength(2);
});

test('a message with more in it than tools is not all told', () => {
  const content = [{ type: 'tool_use', id: 'a', name: 'Read', input: {} }, { type: 'thinking' }];
  expect(createToolEvents().read({ type: 'assistant', message: { content } }).isAll).toBe(false);
  expect(createToolEvents().read(use('a')).isAll).toBe(true);
  expect(createToolEvents().read({ type: 'system' }).isAll).toBe(false);
});
