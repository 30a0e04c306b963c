import { describe, expect, it } from 'vitest';
import { lineKindOf, lineKinds } from '../src/line-kinds.ts';
import { readAll, recording, recordingNames, sessions } from './recordings.ts';

type Line = { type: string; subtype?: string };

const parse = (lines: readonly string[]) => lines.map((line): Line => JSON.parse(line));
const nameOf = ({ type, subtype }: Line) => (type === 'system' ? `system/${subtype}` : type);

function expectKnown(lines: readonly string[]): void {
  const names = parse(lines).map(nameOf);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !Object.hasOwn(lineKinds, name))).toEqual([]);
}

it.each(recordingNames)('every kind of line in the recording %s is known', (name) => {
  expectKnown(recording(name));
});

describe.each(Object.entries(sessions))('in the session %s', (_name, { sent, printed }) => {
  it('every kind of line is known, either way', () => {
    expectKnown(sent);
    expectKnown(printed);
  });

  it('what only passes between Claude Code and its host is no output', () => {
    const between = printed.filter((line) => /^\{"type":"(control_|command_)/.test(line));
    expect(between.length).toBeGreaterThan(0);
    expect(readAll(between)).toEqual(between.map(() => ({ type: 'activity', generating: false })));
  });
});

it('a line that only says that Claude Code is there does not count as a sign of work', () => {
  expect(readAll([{ type: 'keep_alive' }])).toEqual([{ type: 'ping' }]);
});

it('a kind that is not known counts as work', () => {
  expect(lineKindOf('system', 'of_tomorrow')).toBe('work');
});
