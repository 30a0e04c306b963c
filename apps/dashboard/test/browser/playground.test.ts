import { execFileSync } from 'node:child_process';
import { createEpoch, createJobId, type JobEvent } from '@cc-executor/protocol';
import type { ComponentChildren, VNode } from 'preact';
import { expect, test } from 'vitest';
import { elementsOf, parser, splitBlocks } from '../../src/browser/markdown.tsx';
import { createAnswerFold } from '../../src/browser/playground/answer.ts';
import { readOptions } from '../../src/browser/playground/read-options.ts';
import { codeOf } from '../../src/browser/playground/request-code.ts';

/** The elements with what counts of them, as text. */
function show(children: ComponentChildren): string {
  if (Array.isArray(children)) return children.map(show).join('');
  if (typeof children !== 'object' || children === null) return String(children ?? '');
  const { type, props } = children as VNode<{ children?: ComponentChildren; href?: string }>;
  if (typeof type !== 'string') return show(props.children);
  return `<${type}${props.href === undefined ? '' : ` ${props.href}`}>${show(props.children)}</${type}>`;
}

test.each([
  ['# a', '<h3>a</h3>'],
  ['- a\n- b', '<ul><li>a</li><li>b</li></ul>'],
  ['<b onclick=x>a</b>', '<p><b onclick=x>a</b></p>'],
  ['[a](javascript:x)', '<p>[a](javascript:x)</p>'],
  ['[a](//x.example)', '<p>[a](//x.example)</p>'],
  ['[a](https://x.example)', '<p><a https://x.example>a</a></p>'],
  ['![a](https://x.example/a.png)', '<p><a https://x.example/a.png>picture: a</a></p>'],
  ['![a](data:image/png;base64,AA)', '<p>![a](data:image/png;base64,AA)</p>'],
  ['&lt;i> `<i>`', '<p><i> <code><i></code></p>'],
])('the Markdown %s becomes elements of ours, and text', (text, shown) => {
  expect(show(elementsOf(parser.parse(text, {})))).toBe(shown);
});

test('blocks end at empty lines, but neither inside of a fence nor before what is indented', () => {
  const blocks = ['a\nb\n', '- c\n\n  d\n', '```\ne\n\nf\n```\n', 'g'];
  expect(splitBlocks(blocks.join('\n'))).toEqual(blocks);
});

test('Markdown that was made to take long does not', () => {
  const hostile = [
    '_a*'.repeat(3_000),
    '['.repeat(20_000),
    `${'>'.repeat(5_000)}a`,
    `${'- '.repeat(5_000)}a`,
  ];
  const from = process.cpuUsage().user;
  for (const text of hostile) show(elementsOf(parser.parse(text, {})));
  expect(process.cpuUsage().user - from).toBeLessThan(3_000_000);
});

const head = { jobId: createJobId(), epoch: createEpoch(), attempt: 1, time: 1 };

function fold(events: object[]) {
  const answer = createAnswerFold();
  for (const [index, event] of events.entries())
    answer.take({ ...head, seq: index + 1, ...event } as JobEvent);
  return answer.answer();
}

test('an answer has texts and tools in their order, without what was discarded', () => {
  const tool = { toolUseId: 't', name: 'Bash', durationMs: 1 };
  const { parts, isWhole, status } = fold([
    { type: 'output', text: 'wrong' },
    { type: 'reset', discardFromSeq: 1 },
    { type: 'output', text: 'a' },
    { type: 'output', text: 'b' },
    { type: 'tool_started', ...tool, input: {} },
    { type: 'tool_ended', ...tool, isError: false },
    { type: 'paused' },
    { type: 'output', text: 'c', begin: true },
  ]);
  expect(parts.map((part) => (part.kind === 'text' ? part.text : part.use.ended?.name))).toEqual([
    'ab',
    'Bash',
    '\n\nc',
  ]);
  expect([isWhole, status]).toEqual([true, 'paused']);
});

test('of a long answer the end is kept, with how much is left out; a hole is noticed', () => {
  const events = Array.from({ length: 400 }, (_, i) => ({ type: 'output', text: `${i};`.padEnd(1_000) }));
  const { parts, cut } = fold(events);
  const [text] = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : []));
  expect(text?.trim().endsWith('399;')).toBe(true);
  expect([text!.length + cut, text!.length <= 300_000]).toEqual([400_000, true]);
  expect(fold([{ type: 'queued' }, { type: 'started', seq: 3 }]).isWhole).toBe(false);
});

test('fields become members by their kinds, and what is no JSON is named', () => {
  const given = {
    model: ' opus ',
    maxTurns: '3',
    effort: '',
    addDirs: '/a\n\n/b ',
    env: 'A=b=c\nrest',
    settings: '{"a": 1}',
  };
  expect(readOptions([...Object.entries(given), ['others', '{"priority": 1}']])).toEqual({
    params: {
      model: 'opus',
      maxTurns: 3,
      addDirs: ['/a', '/b'],
      env: { A: 'b=c' },
      settings: { a: 1 },
      priority: 1,
    },
    faults: [],
  });
  expect(readOptions([['settings', '[]']]).faults).toEqual(['settings: this is not a JSON object.']);
});

test('a request reaches programs as it is, whatever is in it', () => {
  const params = {
    prompt: '-it\'s $HOME `x` \\ "q"\n!',
    allowedTools: ['Read', 'Bash(git log:*)'],
    env: { A: "b'c" },
    from: { git: 'https://x.example/a', ref: 'main' },
    metadata: { row: 1 },
  };
  const surroundings = { origin: 'http://127.0.0.1:8003', asksWho: false, attachments: [] };
  const { curl, CLI, SDK } = codeOf(params, surroundings);
  const sh = (code: string) => execFileSync('sh', ['-c', code], { encoding: 'utf8' });
  const posted = sh(`curl() { if [ "$2" = --json ]; then printf %s "$3" >&2; fi; }; exec 2>&1; ${curl}`);
  expect(JSON.parse(posted)).toEqual(params);
  expect(sh(`npx() { printf '%s\\0' "$@"; }; ${CLI}`).split('\0')).toEqual([
    'cc-executor',
    'run',
    '--url=http://127.0.0.1:8003',
    '--allowed-tools=Read',
    '--allowed-tools=Bash(git log:*)',
    "--env=A=b'c",
    '--from=https://x.example/a#main',
    '--',
    params.prompt,
    '',
  ]);
  expect(CLI).toContain('metadata');
  expect(SDK).toContain(JSON.stringify(params.prompt));
  const asked = codeOf({ prompt: 'a' }, { ...surroundings, asksWho: true });
  expect([asked.curl, asked.SDK]).toEqual([
    expect.stringContaining('-H "Authorization: Bearer $CC_EXECUTOR_TOKEN"'),
    expect.stringContaining('token:'),
  ]);
});
