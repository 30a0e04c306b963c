/** What the short way reads must be what the parser reads, and whatever else comes must go the long way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStreamReader } from '../src/index.ts';
import { readLongTextDelta, readTextDelta } from '../src/text-delta.ts';
import { anyCharacter } from './any-character.ts';

/** What a line says, by the parser alone: the short way knows no white space behind it. */
const parsed = (line: string) => read(`${line} `);
const short = (line: string) => read(line);

/** Noise keeps its line, white space and all. */
function read(line: string) {
  return createStreamReader()
    .read(line)
    .map((event) => (event.type === 'noise' ? { ...event, line: event.line.trimEnd() } : event));
}

const tail = ',"session_id":"086251f7-f41e","parent_tool_use_id":null,"uuid":"98743330-0f46"}';
const lineOf = (json: string, rest = tail, index = '0') =>
  `{"type":"stream_event","event":{"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":${json}}}${rest}`;

/** JSON of a text, with some of its characters escaped that need not be. */
const written = fc.tuple(fc.string({ unit: anyCharacter }), fc.nat()).map(([text, seed]) =>
  JSON.stringify(text).replace(/[^"\\]/g, (character, at: number) => {
    if ((at + seed) % 7 > 0 || character.length > 1) return character;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  }),
);

describe('a piece of text', () => {
  it('is what the parser makes of its line, whatever the text', () => {
    fc.assert(
      fc.property(written, (json) => {
        // Escapes of escapes are not made here.
        fc.pre(isJson(json));
        expect(short(lineOf(json))).toEqual(parsed(lineOf(json)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read without the parser in the form in which Claude Code writes it', () => {
    for (const text of ['plain', '"quoted"\\ and \n', 'é 漢字 🙂 \u2028', '']) {
      expect(readTextDelta(lineOf(JSON.stringify(text)))).toBe(text);
    }
    const rest = tail.replace('}', ',"api_message_id":"msg_1"}');
    expect(readTextDelta(lineOf('"a"', rest, '12'))).toBe('a');
  });

  it.each(['x', '\n', '"'])('is read however long it is: 16 MB of %j', (character) => {
    const json = JSON.stringify(character.repeat(16e6 / (JSON.stringify(character).length - 2)));
    expect(read(lineOf(json))).toEqual([{ type: 'text', text: JSON.parse(json), begin: true }]);
  });
});

describe('a long piece of text, as bytes', () => {
  /** What its bytes say, without how they are written. */
  const ofBytes = (line: string | Buffer) =>
    createStreamReader()
      .read(Buffer.from(line as string))
      .map((event) => {
        if (event.type !== 'text') return event;
        const { written, ...rest } = event;
        return rest;
      });

  it('is what the parser makes of its line, and goes on as `JSON.stringify` would write it', () => {
    fc.assert(
      fc.property(written, (json) => {
        // Half of a pair, beside the other half escaped, cannot be said in bytes.
        fc.pre(isJson(json) && json.isWellFormed());
        const line = lineOf(json);
        expect(ofBytes(line)).toEqual(parsed(line));
        const piece = readLongTextDelta(Buffer.from(line));
        const text: string = JSON.parse(json);
        if (json === JSON.stringify(text) && text.isWellFormed()) {
          expect(piece?.text).toBe(text);
          expect(`"${piece?.json}"`).toBe(json);
          expect(piece?.isPlain).toBe(!json.includes('\\'));
        } else expect(piece).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['that is no UTF-8', Buffer.from(lineOf('"\xff\xfe"'), 'latin1')],
    ['with a raw control character', lineOf('"a\tb"')],
    ['with escapes that need not be', lineOf('"a\\/b \\u0041"')],
    ['with half of a pair', lineOf('"\\ud83d"')],
    ['with half an escape', lineOf('"a\\"')],
    ['of a sub-agent', lineOf('"a"', ',"parent_tool_use_id":"toolu_1"}')],
    ['that says more', lineOf('"a"', ',"abandoned_blocks":{"from_block_index":0}}')],
    ['whose text is said twice', lineOf('"a","text":"b"')],
    ['with an index that is none', lineOf('"a"', tail, '01')],
  ])('%s is left to the parser', (_what, line) => {
    expect(readLongTextDelta(Buffer.from(line as string))).toBeUndefined();
    expect(ofBytes(line)).toEqual(read(line.toString()));
  });

  it('goes the long way where any part of its line is changed, and means what it meant', () => {
    const line = lineOf('"a piece \\n of text"');
    const put = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('"', '\\', '\\\\', '"}}', '{', '}', ','),
    );
    fc.assert(
      fc.property(fc.nat(line.length), fc.nat(12), put, (at, length, inserted) => {
        const changed = (line.slice(0, at) + inserted + line.slice(at + length)).toWellFormed();
        if (isJson(changed)) expect(ofBytes(changed)).toEqual(parsed(changed));
        else expect(readLongTextDelta(Buffer.from(changed))).toBeUndefined();
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('anything else', () => {
  it('goes the long way, and means what it meant: a line with any part changed', () => {
    const line = lineOf('"a piece \\n of text"');
    const change = fc.record({
      at: fc.nat(line.length),
      length: fc.nat(12),
      put: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom(
          '"',
          '\\',
          '{',
          '}',
          ',',
          '"type":"x",',
          ',"abandoned_blocks":{"from_block_index":0}',
          '\t',
        ),
      ),
    });
    fc.assert(
      fc.property(change, ({ at, length, put }) => {
        const changed = line.slice(0, at) + put + line.slice(at + length);
        if (isJson(changed)) expect(short(changed)).toEqual(parsed(changed));
        else expect(readTextDelta(changed)).toBeUndefined();
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['of a sub-agent', lineOf('"a"', ',"parent_tool_use_id":"toolu_1"}')],
    ['that says more', lineOf('"a"', ',"abandoned_blocks":{"from_block_index":0}}')],
    ['whose type is said twice', lineOf('"a"', ',"type":"system"}')],
    ['with a raw control character', lineOf('"a\tb"')],
    ['with half an escape', lineOf('"a\\"')],
    ['with an index that is none', lineOf('"a"', tail, '01')],
  ])('%s is left to the parser', (_what, line) => {
    expect(readTextDelta(line)).toBeUndefined();
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
