import { createHash } from 'node:crypto';
import {
  type EventBody,
  eventSchemas,
  MAX_BODY_PAGE_BYTES,
  MAX_EVENT_BYTES,
  MAX_SENT_FRAME_BYTES,
  resultFrame,
} from '@cc-executor/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SizedEvent, sizeEvent } from '../src/event-size.ts';
import { shorten } from '../src/shorten.ts';

const PLENTY = 1e9;
const MB = 1024 * 1024;
const head = { jobId: `job_${'0'.repeat(32)}`, epoch: 'e', seq: 2, attempt: 1, time: 1 };

const bytesOf = (text: string | Buffer) => Buffer.byteLength(text);

/** Checks that an event is small, and what it says it is. */
function read({ json }: SizedEvent) {
  expect(bytesOf(json)).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  const body = JSON.parse(json.toString());
  const schema = eventSchemas[body.type as keyof typeof eventSchemas];
  return schema.parse({ ...body, ...head }) as EventBody;
}

function toolResult(content: string) {
  return {
    type: 'user',
    message: {
      role: 'user',
      content: [{ tool_use_id: 'toolu_1', type: 'tool_result', content, is_error: false }],
    },
    parent_tool_use_id: null,
    session_id: 's',
    tool_use_result: { stdout: content, stderr: '' },
  };
}

/** A message whose event has just so many bytes. */
function messageOf(bytes: number): EventBody {
  const around = bytesOf(JSON.stringify({ type: 'message', message: { text: '' } }));
  return { type: 'message', message: { text: 'x'.repeat(bytes - around) } };
}

describe('a message', () => {
  test('is written as it is up to the bound, and cut one byte later', () => {
    expect(sizeEvent(messageOf(MAX_EVENT_BYTES), PLENTY)).toEqual({
      json: JSON.stringify(messageOf(MAX_EVENT_BYTES)),
    });
    expect(read(sizeEvent(messageOf(MAX_EVENT_BYTES + 1), PLENTY))).toHaveProperty('truncated');
  });

  test.each([
    ['plain text', 'x'.repeat(15 * MB)],
    ['three bytes a character', '漢'.repeat(5 * MB)],
    ['characters that JSON escapes', '\u0001'.repeat(MB)],
    ['pairs of surrogates', '🙂'.repeat(MB)],
    ['half pairs', '\ud83d'.repeat(MB)],
  ])('of %s is cut where it is long; its ids stand, and the whole is kept', (_, content) => {
    const message = toolResult(content);
    const whole = JSON.stringify(message);
    const sized = sizeEvent({ type: 'message', message }, PLENTY);
    const event = read(sized) as Extract<EventBody, { type: 'message' }>;
    const sha256 = createHash('sha256').update(whole).digest('hex');
    expect(event.truncated).toEqual({ bytes: bytesOf(whole), sha256, kept: true });
    const short = event.message as ReturnType<typeof toolResult>;
    expect(short).toMatchObject({ type: 'user', session_id: 's', tool_use_result: { stderr: '' } });
    const [block] = short.message.content;
    expect(block).toMatchObject({ tool_use_id: 'toolu_1', type: 'tool_result', is_error: false });
    expect(block?.content.endsWith('…')).toBe(true);
    expect(block?.content.length).toBeGreaterThan(500);
    expect(content.startsWith(block?.content.slice(0, -1) ?? '?')).toBe(true);
    expect(bytesOf(JSON.stringify(short))).toBeLessThanOrEqual(64 * 1024);

    const pages = sized.kept?.pages ?? [];
    expect(pages.join('')).toBe(whole);
    expect(sized.kept).toMatchObject({ bytes: bytesOf(whole), sha256 });
    const answer = { bytes: 1e9, sha256, offset: 1e9, nextOffset: 1e9 };
    for (const text of pages) {
      expect(bytesOf(text)).toBeLessThanOrEqual(MAX_BODY_PAGE_BYTES);
      expect(bytesOf(resultFrame('i'.repeat(256), { ...answer, text }))).toBeLessThanOrEqual(
        MAX_SENT_FRAME_BYTES,
      );
    }
  });

  test('is kept up to the room that is left, and says so when it is not', () => {
    const event = messageOf(MAX_EVENT_BYTES + 1);
    const bytes = bytesOf(JSON.stringify((event as { message: object }).message));
    expect(sizeEvent(event, bytes).kept).toMatchObject({ bytes });
    const sized = sizeEvent(event, bytes - 1);
    expect(sized.kept).toBeUndefined();
    expect(read(sized)).toMatchObject({ truncated: { bytes, kept: false } });
  });

  test('of Claude Code about the run is cut likewise, and not kept: it must find room in a full Redis', () => {
    const sized = sizeEvent({ type: 'notice', message: toolResult('x'.repeat(MB)) }, PLENTY);
    expect(sized.kept).toBeUndefined();
    expect(read(sized)).toMatchObject({ type: 'notice', truncated: { kept: false } });
  });

  test.each([
    ['numbers', { type: 'x', list: Array.from({ length: 200_000 }, (_, i) => i) }],
    ['members', Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`name ${i}`, i]))],
    ['names', { type: 'x', ['n'.repeat(MB)]: 1 }],
    ['levels, wide ones', { type: 'x', list: wide(5, 12) }],
  ])('of too many or too long %s is cut, too', (_, message) => {
    expect(read(sizeEvent({ type: 'message', message }, PLENTY))).toHaveProperty('truncated.kept', true);
  });
});

/** Lists in lists, so many levels, with so many members each. */
function wide(depth: number, width: number): unknown {
  return depth === 0 ? 'leaf' : Array.from({ length: width }, () => wide(depth - 1, width));
}

describe('an ending', () => {
  const digest = { bytes: 5, sha256: 'a'.repeat(64) };

  test('that is too large is without the text, whatever its characters take as JSON', () => {
    const event = {
      type: 'completed',
      text: '\u0007'.repeat(65_536),
      evidence: 'complete-line',
      digest,
    } as const;
    expect(read(sizeEvent(event, 0))).toEqual({
      type: 'completed',
      evidence: 'complete-line',
      digest,
      ...head,
    });
  });

  test('is without the object that is the answer, too, when that does not suffice', () => {
    const structuredOutput = { text: '漢'.repeat(100_000) };
    const event = {
      type: 'completed',
      text: 'a',
      structuredOutput,
      evidence: 'result-line',
      digest,
    } as const;
    expect(read(sizeEvent(event, 0))).toEqual({
      type: 'completed',
      evidence: 'result-line',
      digest,
      ...head,
    });
  });

  test('keeps all that it must say, however much there is of the rest', () => {
    const error = { code: 'claude_error', message: 'm'.repeat(2 * MB), retrySafe: false } as const;
    const usage = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`member ${i}`, i]));
    const event = {
      type: 'failed',
      error,
      usage,
      executionId: 'e'.repeat(MB),
      partial: true,
      digest,
    } as const;
    const ending = read(sizeEvent(event, 0));
    expect(ending).toMatchObject({ type: 'failed', partial: true, digest });
    expect(ending).toMatchObject({ error: { code: 'claude_error', retrySafe: false } });
    expect((ending as typeof event).error.message).toMatch(/^m{10000,}…$/);
  });
});

test.each([
  { type: 'started', engine: 'claude', model: 'm'.repeat(MB) },
  { type: 'throttled', untilMs: 1, reason: 'r'.repeat(MB) },
  { type: 'reset', discardFromSeq: 2, reason: '\u0001'.repeat(MB) },
  { type: 'pause_refused', request: 'pause', reason: '漢'.repeat(MB) },
] satisfies EventBody[])('$type says what it must, in a frame', (event) => {
  expect(read(sizeEvent(event, 0)).type).toBe(event.type);
});

test('whatever a value is, it is never longer than it may be', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.object({ maxDepth: 4 }), fc.array(fc.jsonValue())),
      fc.integer({ min: 2, max: 500 }),
      (value, maxBytes) => {
        const short = shorten(value as object, maxBytes);
        expect(bytesOf(JSON.stringify(short))).toBeLessThanOrEqual(maxBytes);
        expect(Array.isArray(short)).toBe(Array.isArray(value));
      },
    ),
    { examples: [[{ list: [undefined, '', undefined], more: 8.6936e-320, rest: [] }, 40]] },
  );
});
