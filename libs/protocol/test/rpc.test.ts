import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorMemberSchema } from '../src/errors.ts';
import { inspectFrame } from '../src/frame-shape.ts';
import {
  errorFrame,
  methods,
  notificationFrame,
  ProtocolError,
  parseRequest,
  type Rejection,
  readFrameId,
  resultFrame,
} from '../src/index.ts';

/** Any character there is. The unit `binary` of fast-check first lists all of them: more than a second of work. */
const anyCharacter = fc
  .nat(0x10_ffff)
  .map((code) => String.fromCodePoint(code))
  .filter((text) => text.isWellFormed());

const jobId = 'job_5f0c1d9a3b7e4c2f8a6d0e1b9c3f7a52';

function rejection(text: string): Rejection {
  const parsed = parseRequest(text);
  if (parsed.ok) throw new Error(`was taken: ${text}`);
  return parsed.rejection;
}

describe('a request', () => {
  it('is taken with an id, without one, and without parameters where none are needed', () => {
    expect(parseRequest('{"jsonrpc":"2.0","id":1,"method":"list","params":{"limit":5}}')).toEqual({
      ok: true,
      request: { method: 'list', id: 1, params: { limit: 5 } },
    });
    expect(parseRequest('{"jsonrpc":"2.0","id":"a","method":"list"}')).toEqual({
      ok: true,
      request: { method: 'list', id: 'a', params: {} },
    });
    expect(parseRequest(`{"jsonrpc":"2.0","method":"cancel","params":{"jobId":"${jobId}"}}`)).toEqual({
      ok: true,
      request: { method: 'cancel', id: undefined, params: { jobId } },
    });
  });

  it.each([
    ['no JSON', '{"jsonrpc"', 'parse_error', null],
    ['an empty frame', '', 'parse_error', null],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"list"}]', 'invalid_request', null],
    ['a number', '42', 'invalid_request', null],
    ['null', 'null', 'invalid_request', null],
    ['another version', '{"jsonrpc":"1.0","id":7,"method":"list"}', 'invalid_request', 7],
    ['no method', '{"jsonrpc":"2.0","id":"x"}', 'invalid_request', 'x'],
    ['neither method nor id', '{"jsonrpc":"2.0"}', 'invalid_request', null],
    ['an invalid id', '{"jsonrpc":"2.0","id":{},"method":"list"}', 'invalid_request', null],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"toString"}', 'unknown_method', 1],
    ['an inherited name', '{"jsonrpc":"2.0","id":1,"method":"__proto__"}', 'unknown_method', 1],
    ['a missing parameter', '{"jsonrpc":"2.0","id":1,"method":"get"}', 'invalid_params', 1],
    ['parameters by position', '{"jsonrpc":"2.0","id":1,"method":"list","params":[1]}', 'invalid_params', 1],
    ['a wrong notification', '{"jsonrpc":"2.0","method":"get"}', 'invalid_params', undefined],
  ])('is refused when it is %s', (_what, text, code, id) => {
    const { error, id: answered } = rejection(text);
    expect({ code: error.code, id: answered }).toEqual({ code, id });
  });

  it('hears of all its faults at once, each with its path', () => {
    const { error } = rejection(
      '{"jsonrpc":"2.0","id":1,"method":"execute","params":{"timeouts":{"idleMs":1},"modle":"x"}}',
    );
    expect(error.message).toContain('prompt: ');
    expect(error.message).toContain('timeouts.idleMs: ');
    expect(error.message).toContain('"modle"');
  });

  it.each([
    ['wrong values', { allowedTools: Array.from({ length: 9_900 }, () => 0) }],
    [
      'unknown names',
      Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`${'y'.repeat(20)}${i}`, 1])),
    ],
    ['an unknown name of 200,000 characters', { ['y'.repeat(200_000)]: 1 }],
  ])('gets an answer of bounded size, whatever its faults are: %s', (_what, params) => {
    const { error, id } = rejection(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'execute', params }));
    expect({ code: error.code, id }).toEqual({ code: 'invalid_params', id: 1 });
    expect(error.message.length).toBeLessThan(10_000);
  });

  it.each([
    { depth: 32, code: 'invalid_params' },
    { depth: 33, code: 'invalid_request' },
    { depth: 120_000, code: 'invalid_request' },
  ])('is refused before it is parsed when it is nested more than 32 deep: $depth', ({ depth, code }) => {
    // The request, its parameters and metadata are the first three levels.
    const metadata = `{"7":0,"a":${'['.repeat(depth - 3)}${']'.repeat(depth - 3)}}`;
    const text = `{"jsonrpc":"2.0","method":"execute","params":{"prompt":"","metadata":${metadata}},"id":"mine"}`;
    const { error, id } = rejection(text);
    expect({ code: error.code, id }).toEqual({ code, id: 'mine' });
  });

  it.each([
    ['in its head', '{"jsonrpc":"2.0","id":"mine","method":"execute","params":{"prompt":"cut off he', 'mine'],
    ['with escapes', '{ "i\\u0064" : "a\\"b\\\\" , "params":', 'a"b\\'],
    ['as a number', '{"id":-1.5e3,"a":[', -1500],
    ['not of the request but of its parameters', '{"params":{"id":1},"a":', null],
    ['of no allowed kind', '{"id":{"id":1}', null],
    ['beyond what a number can say', '{"id":9007199254740993}', null],
    ['that is cut off itself', '{"id":"min', null],
    ['in a batch', '[{"id":1}', null],
  ])('has an id that can be read from its beginning: %s', (_where, text, id) => {
    expect(readFrameId(text)).toBe(id);
  });
});

/** Things like requests, wrong in every place. */
const almostRequest = fc.record(
  {
    jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()),
    id: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.jsonValue()),
    method: fc.oneof(fc.constantFrom(...Object.keys(methods), 'toString', '__proto__'), fc.jsonValue()),
    params: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          jobId: fc.oneof(fc.constant(jobId), fc.jsonValue()),
          prompt: fc.oneof(fc.string(), fc.jsonValue()),
          metadata: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
          timeouts: fc.jsonValue(),
          limit: fc.jsonValue(),
          cursor: fc.jsonValue(),
          afterSeq: fc.oneof(fc.nat(), fc.jsonValue()),
          __proto__: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);

describe('a frame of well-formed text', () => {
  it('is found faulty for nothing but the name __proto__', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20, stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value);
        expect(inspectFrame(text).fault === undefined).toBe(!text.includes('"__proto__":'));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('no frame', () => {
  it('makes the parser throw; what is refused has a code, and an answer that fits the schema', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: anyCharacter }),
      fc.json(),
      almostRequest.map((value) => JSON.stringify(value)),
      fc
        .tuple(
          almostRequest.map((value) => JSON.stringify(value)),
          fc.nat(),
        )
        .map(([text, cut]) => text.slice(0, cut % (text.length + 1))),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseRequest(text);
        if (parsed.ok) {
          expect(Object.keys(methods)).toContain(parsed.request.method);
          return;
        }
        const { error, id } = parsed.rejection;
        const answer = JSON.parse(errorFrame(id ?? null, error));
        expect(answer).toMatchObject({
          jsonrpc: '2.0',
          id: id ?? null,
          error: { data: { code: error.code } },
        });
        expect(errorMemberSchema.safeParse(answer.error).success).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('frames', () => {
  it('carry results, errors and notifications', () => {
    expect(JSON.parse(resultFrame('a', { x: 1 }))).toEqual({ jsonrpc: '2.0', id: 'a', result: { x: 1 } });
    expect(JSON.parse(errorFrame(1, new ProtocolError('unavailable', undefined, 500)))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: -32010,
        message: expect.stringContaining('cannot reach Redis'),
        data: { code: 'unavailable', retryable: true, retryAfterMs: 500 },
      },
    });
    expect(JSON.parse(notificationFrame('goaway', { reason: 'x', reconnectAfterMs: 0 }))).toEqual({
      jsonrpc: '2.0',
      method: 'goaway',
      params: { reason: 'x', reconnectAfterMs: 0 },
    });
  });
});
