import { type EventBody, emptyFold, foldEvents, foldedText } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { createEventTranslator, type EventTranslator } from '../src/upstream-events.ts';
import { started, text } from './harness.ts';

const PIECE = 32 * 1024;

/** What is written for these events, with the seq each gets; the log begins at `lastSeq`. */
function translate(
  events: Parameters<EventTranslator['take']>[0][],
  lastSeq = 1,
  spec: { toolMessages?: boolean } = {},
): (EventBody & { seq: number })[] {
  const written: (EventBody & { seq: number })[] = [];
  function write(event: EventBody): number {
    const seq = lastSeq + written.length + 1;
    written.push({ ...event, seq });
    return seq;
  }
  const writeText = (text: string, begin: boolean, json?: Buffer) => {
    if (json) expect(`"${json}"`).toBe(JSON.stringify(text));
    return write({ type: 'output', text, ...(begin && { begin }) });
  };
  const translator = createEventTranslator({ write, writeText }, spec);
  for (const event of events) translator.take(event);
  translator.settle();
  return written;
}

test('`started` comes once, with what is known of who answers', () => {
  expect(translate([started, { type: 'session', sessionId: 's', model: 'm' }])).toEqual([
    { type: 'started', engine: 'claude', model: 'm', seq: 2 },
  ]);
  expect(translate([{ type: 'session', sessionId: 's', model: 'm' }])).toEqual([
    { type: 'started', model: 'm', seq: 2 },
  ]);
});

test('`started` comes before the first output of an upstream that does not say it', () => {
  expect(translate([text('a', true)]).map(({ type }) => type)).toEqual(['started', 'output']);
  const message = { type: 'message' as const, message: { type: 'tool_use' } };
  expect(translate([message, message]).map(({ type }) => type)).toEqual(['started', 'message', 'message']);
});

test('text becomes output, and `begin` marks only where a block begins', () => {
  const written = translate([started, text('a', true), text('b'), text('c', true)]);
  expect(written.slice(1)).toEqual([
    { type: 'output', text: 'a', begin: true, seq: 3 },
    { type: 'output', text: 'b', seq: 4 },
    { type: 'output', text: 'c', begin: true, seq: 5 },
  ]);
});

test('a discard voids the current block, and only it', () => {
  const written = translate([
    started,
    text('keep', true),
    text('bad', true),
    text('bad too'),
    { type: 'discard', reason: 'overloaded' },
    text('good', true),
    { type: 'discard', reason: 'again' },
    text('better', true),
  ]);
  const resets = written.filter(({ type }) => type === 'reset');
  expect(resets).toEqual([
    { type: 'reset', discardFromSeq: 4, reason: 'overloaded', seq: 6 },
    { type: 'reset', discardFromSeq: 7, reason: 'again', seq: 8 },
  ]);
  expect(foldedText(foldEvents(emptyFold, written))).toBe('keepbetter');
});

test('a discard before any text writes nothing', () => {
  expect(translate([started, { type: 'discard', reason: 'x' }])).toHaveLength(1);
});

test('an empty text does not swallow the begin of its block', () => {
  const written = translate([
    started,
    text('keep', true),
    text('', true),
    text('bad'),
    { type: 'discard', reason: 'x' },
  ]);
  expect(written.slice(2)).toEqual([
    { type: 'output', text: 'bad', begin: true, seq: 4 },
    { type: 'reset', discardFromSeq: 4, reason: 'x', seq: 5 },
  ]);
});

test('a long text becomes several events, and a discard voids all of them', () => {
  const long = 'abc'.repeat(PIECE);
  const written = translate([started, text(long, true), { type: 'discard', reason: 'x' }]);
  const outputs = written.filter((event) => event.type === 'output');
  expect(outputs.map((event) => event.text.length)).toEqual([PIECE, PIECE, PIECE]);
  expect(outputs.map((event) => event.text).join('')).toBe(long);
  expect(outputs.map(({ begin }) => begin)).toEqual([true, undefined, undefined]);
  expect(written.at(-1)).toMatchObject({ type: 'reset', discardFromSeq: 3 });
});

test('a text is never split inside a surrogate pair', () => {
  for (const offset of [0, 1]) {
    const long = `${'x'.repeat(offset)}${'🙂'.repeat(PIECE)}`;
    const outputs = translate([started, text(long, true)]).filter((event) => event.type === 'output');
    expect(outputs.map((event) => event.text).join('')).toBe(long);
    for (const { text: piece } of outputs) {
      expect(piece.isWellFormed()).toBe(true);
      expect(piece.length).toBeLessThanOrEqual(PIECE);
    }
  }
});

test('lone surrogates, which are no text, do not stop it', () => {
  const long = '\ud83d'.repeat(2 * PIECE + 1);
  const outputs = translate([started, text(long, true)]).filter((event) => event.type === 'output');
  expect(outputs.map((event) => event.text).join('')).toBe(long);
});

test('messages pass as they are, and a wait says until when', () => {
  const message = { type: 'assistant', content: [{ type: 'tool_use', id: 't' }] };
  const before = Date.now();
  const written = translate([
    started,
    { type: 'message', message },
    { type: 'throttled', delayMs: 5_000, attempt: 1, maxRetries: 3, status: 529, reason: 'overloaded' },
  ]);
  expect(written[1]).toEqual({ type: 'message', message, seq: 3 });
  expect(written[2]).toMatchObject({ type: 'throttled', reason: 'overloaded' });
  expect((written[2] as { untilMs: number }).untilMs - before).toBeGreaterThanOrEqual(5_000);
});

test('a tool is told by its events, and by its message unless that is not wanted', () => {
  const content = [{ type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'ls' } }];
  const message = { type: 'message' as const, message: { type: 'assistant', message: { content } } };
  const other = { type: 'message' as const, message: { type: 'new' } };
  expect(translate([started, message, other]).map(({ type }) => type)).toEqual([
    ...['started', 'message', 'tool_started', 'message'],
  ]);
  expect(translate([started, message, other], 1, { toolMessages: false }).map(({ type }) => type)).toEqual([
    ...['started', 'tool_started', 'message'],
  ]);
});
