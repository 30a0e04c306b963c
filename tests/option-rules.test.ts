/**
 * Whatever a client asks of Claude Code, the gateway refuses what claude-api would refuse, before a job is accepted, and
 * lets through what it takes. What an operator forbids is not part of it: only claude-api knows that.
 */
import { readFileSync } from 'node:fs';
import { executeParamsSchema } from '@cc-executor/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExecuteBody } from '../apps/claude-api/src/request-schema.ts';

const example = new URL('../libs/protocol/examples/request.execute.params.everything.json', import.meta.url);
const everything = JSON.parse(readFileSync(example, 'utf8')) as Record<string, unknown>;
/** What `execute` has for the gateway and the worker alone. */
const NO_OPTIONS = [
  ...['prompt', 'idempotencyKey', 'timeouts', 'retry', 'maxAttempts', 'priority'],
  ...[
    'metadata',
    'webhook',
    'onDenial',
    'onRefusal',
    'onMcpFailure',
    'toolMessages',
    'onDisconnect',
    'attach',
    'batches',
    'traceparent',
  ],
];
const options = Object.keys(executeParamsSchema.shape).filter((name) => !NO_OPTIONS.includes(name));

const judge = (asked: object) => ({
  gateway: executeParamsSchema.safeParse({ prompt: 'hello', ...asked }).success,
  claudeApi: 'body' in parseExecuteBody({ question: 'hello', ...asked }),
});

const LENGTHS = [1, 64, 128, 256, 1_000, 1_024, 32_768].flatMap((length) => [length, length + 1]);
const COUNTS = [10, 20, 100].flatMap((count) => [count, count + 1]);
const character = fc.constantFrom(...'aZ09_-.:/@*,=()[]{}" \n\0é🚀');
const shortText = fc.string({ unit: character, maxLength: 6 });

const asName = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Values like this one, of which some are a little wrong and some are of another kind altogether. */
function like(value: unknown): fc.Arbitrary<unknown> {
  const anything = [fc.constant(value), fc.jsonValue(), shortText];
  if (typeof value === 'string') {
    const longer = fc
      .tuple(fc.constantFrom(...LENGTHS), fc.boolean())
      .map(([length, inFront]) => (inFront ? value.padStart(length, 'a') : value.padEnd(length, 'a')));
    const cut = fc.tuple(fc.nat(value.length), shortText);
    const changed = cut.map(([at, text]) => value.slice(0, at) + text + value.slice(at));
    return fc.oneof(...anything, longer, changed);
  }
  if (typeof value === 'number') {
    return fc.oneof(...anything, fc.integer(), fc.double(), fc.constantFrom(0, 10_000, 10_001, 1e6, 1e6 + 1));
  }
  if (Array.isArray(value)) {
    const many = fc.constantFrom(...COUNTS).map((count) => Array<unknown>(count).fill(value[0]));
    return fc.oneof(...anything, many, fc.array(like(value[0]), { maxLength: 3 }), like(value[0]));
  }
  const [name, member] = Object.entries(value as object)[0]!;
  const pairs = fc.array(fc.tuple(like(name).map(asName), like(member)), { maxLength: 2 });
  return fc.oneof(...anything, pairs.map(Object.fromEntries));
}

test.each(options)('%s: gateway and claude-api take the same values', (name) => {
  expect(everything, 'the example has every option').toHaveProperty(name);
  const counts = { taken: 0, refused: 0 };
  const same = fc.property(like(everything[name]), (value) => {
    const { gateway, claudeApi } = judge(JSON.parse(JSON.stringify({ [name]: value })) as object);
    counts[claudeApi ? 'taken' : 'refused'] += 1;
    expect(gateway).toBe(claudeApi);
  });
  fc.assert(same, { numRuns: 1_000 });
  expect(Math.min(counts.taken, counts.refused), 'both kinds were tried').toBeGreaterThan(20);
});

test('claude-api has no option that cannot be had through the gateway', () => {
  const shape = Object.keys(executeParamsSchema.shape);
  const { body } = parseExecuteBody({ question: 'hello', ...everything }) as { body: object };
  const own = ['question'];
  expect(shape).toEqual(expect.arrayContaining(Object.keys(body).filter((name) => !own.includes(name))));
  expect(
    Object.keys(body)
      .filter((name) => !own.includes(name))
      .sort(),
  ).toEqual([...options].sort());
});
