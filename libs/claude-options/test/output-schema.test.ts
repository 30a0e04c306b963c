/** What is judged of schemas and of the objects that are to fit them; the cases of schemas are Claude Code's own judgements. */
import { expect, test } from 'vitest';
import { findOutputFault, findSchemaFault } from '../src/output-schema.ts';

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

test('a schema is taken as Claude Code takes it, whatever draft it names', async () => {
  const schemas = [
    city,
    { $schema: 'https://json-schema.org/draft/2020-12/schema', ...city },
    { type: 'object', properties: { at: { type: 'string', format: 'date-time' } } },
    { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { type: 'string' } } },
    { type: 'object', properties: { next: { $ref: '#' } }, examples: [1], title: 't', default: {} },
  ];
  for (const schema of schemas) expect(await findSchemaFault(schema)).toBeUndefined();
});

test.each([
  [{ type: 'nonsense' }, 'must be equal to one of the allowed values'],
  [{ type: 'object', 'x-foo': 1 }, 'unknown keyword: "x-foo"'],
  [{ type: 'object', properties: { a: { prefixItems: [] } } }, 'unknown keyword: "prefixItems"'],
  [{ type: 'object', $ref: 'http://example.com/x' }, "can't resolve reference http://example.com/x"],
  [{ type: 'object', properties: { a: { type: 'string', pattern: '(' } } }, 'Invalid regular expression'],
  [{ type: 'object', $async: true }, 'unknown keyword: "$async"'],
])('%o is refused, and why', async (schema, fault) => {
  expect(await findSchemaFault(schema)).toContain(fault);
});

test('an object is of its schema, or it is said what is wrong with it', async () => {
  expect(await findOutputFault(city, { city: 'Bern', more: 1 })).toBeUndefined();
  expect(await findOutputFault(city, { city: 7 })).toBe('it/city must be string');
  expect(await findOutputFault(city, {})).toBe("it must have required property 'city'");
  expect(await findOutputFault(city, null)).toBe('it must be object');
});

test('a pattern that takes for ever takes no longer than it may, and nothing else stands still', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
  let ticks = 0;
  const clock = setInterval(() => (ticks += 1), 50);
  const fault = await findOutputFault(schema, { a: `${'a'.repeat(100)}!` }, 1_000);
  clearInterval(clock);
  expect(fault).toBe('could not be judged within 1 s');
  expect(ticks).toBeGreaterThan(5);
});
