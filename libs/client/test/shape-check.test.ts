/** The SDK's checks and the schema say the same of every example, and of every example with a fault in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { messageSchemas } from '@cc-executor/protocol';
import { noticeShapes, resultShapes } from '@cc-executor/protocol/plain';
import { describe, expect, it } from 'vitest';
import { findFault, type Shape } from '../src/shape-check.ts';

const schemas = messageSchemas();
const shapes: Record<string, Shape> = Object.fromEntries([
  ...Object.entries(resultShapes).map(([name, shape]) => [`request.${name}.result`, shape]),
  ...Object.entries(noticeShapes).map(([name, shape]) => [`notification.${name}`, shape]),
]);

/** The fault of an invalid example lies in what the SDK hands on as it came: within an object of a result. */
function isHandedOn(name: string, value: unknown): boolean {
  const issues = schemas[name]!.safeParse(value).error?.issues ?? [];
  return name.endsWith('.result') && issues.length > 0 && issues.every(({ path }) => path.length > 1);
}

const examples = ['', 'invalid/'].flatMap((folder) => {
  const url = new URL(`../../protocol/examples/${folder}`, import.meta.url);
  return readdirSync(url)
    .map((file) => ({ file: folder + file, name: file.split('.').slice(0, -2).join('.') }))
    .filter(({ name }) => name in shapes)
    .map((example) => ({
      ...example,
      value: JSON.parse(readFileSync(new URL(example.file.replace('invalid/', ''), url), 'utf8')) as unknown,
    }))
    .filter(({ name, value }) => !isHandedOn(name, value));
});

const WRONG = [undefined, null, 'word', '', -1, 0, 1.5, 2 ** 53, true, {}, [], [null]];

/** The value without each of its members, and with each that the shape names replaced by each wrong value, at any depth. */
function* mutate(value: unknown, shape: Shape): Generator<unknown> {
  if (typeof value !== 'object' || value === null || typeof shape === 'string') return;
  // What is only said to be an object is handed on as it came.
  if (Object.keys(shape).length === 0) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) yield replace(value, name, undefined);
    const named = Object.entries(shape).find(
      ([key]) => Array.isArray(value) || key.replace('?', '') === name,
    );
    if (named === undefined) continue;
    const isBare = Object.keys(named[1]).length === 0;
    for (const wrong of WRONG) {
      if (!isBare || JSON.stringify(wrong) !== '{}') yield replace(value, name, wrong);
    }
    for (const mutated of mutate(member, named[1])) yield replace(value, name, mutated);
  }
}

function replace(value: object, name: string, member: unknown): unknown {
  if (Array.isArray(value)) return value.with(Number(name), member);
  return JSON.parse(JSON.stringify({ ...value, [name]: member }));
}

describe('the check of answers', () => {
  it.each(Object.keys(shapes))('there is an example of %s', (name) => {
    expect(examples.map((example) => example.name)).toContain(name);
  });

  it.each(examples)('agrees with the schema on $file, and on it with a fault', ({ name, value }) => {
    const differing = [value, ...WRONG, ...mutate(value, shapes[name]!)].filter(
      (each) => (findFault(shapes[name]!, each) === undefined) !== schemas[name]!.safeParse(each).success,
    );
    expect(differing).toEqual([]);
  });

  it('names the place of the fault', () => {
    const value = { jobs: [{ jobId: `job_${'0'.repeat(32)}`, seq: 0, status: 'lost' }] };
    expect(findFault(noticeShapes.heartbeat, value)).toBe('value.jobs.0.status');
  });
});
