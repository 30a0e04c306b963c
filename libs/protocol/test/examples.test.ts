import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { messageSchemas } from '../src/index.ts';

const directory = new URL('../examples/', import.meta.url);
const schemas = messageSchemas();

/** Example files are named `<schema name>.<case>.json`; neither a case nor a last part of a name has a dot. */
function examples(folder: URL): { file: string; schemaName: string; value: unknown }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({
      file,
      schemaName: file.split('.').slice(0, -2).join('.'),
      value: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as unknown,
    }));
}

const valid = examples(directory);
const invalid = examples(new URL('invalid/', directory));

describe('examples', () => {
  it.each(Object.keys(schemas))('there is one of %s', (name) => {
    expect(valid.filter(({ schemaName }) => schemaName === name)).not.toEqual([]);
  });

  it.each(valid)('$file fits its schema, and nothing of it is dropped', ({ schemaName, value }) => {
    const schema = schemas[schemaName];
    expect(schema, `a schema named ${schemaName}`).toBeDefined();
    expect(schema?.parse(value)).toEqual(value);
  });

  it.each(invalid)('invalid/$file is refused', ({ schemaName, value }) => {
    const schema = schemas[schemaName];
    expect(schema, `a schema named ${schemaName}`).toBeDefined();
    expect(schema?.safeParse(value).success).toBe(false);
  });
});
