/** The documents of the doors are valid by the published schemas of their kinds, and say all that there is. */
import { createRequire } from 'node:module';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, it } from 'vitest';
import {
  asyncApiDocument,
  eventSchemas,
  httpOperations,
  methods,
  notificationSchemas,
  openApiDocument,
} from '../src/index.ts';

/** Every `$ref` in it, and whether something is there. */
function danglingRefs(document: object): string[] {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');
  return refs.filter((ref) => {
    let at: unknown = document;
    for (const part of ref.replace('#/', '').split('/'))
      at = (at as Record<string, unknown> | undefined)?.[part];
    return at === undefined;
  });
}

const validateAsyncApi = (() => {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.compile(schema);
})();

it('OpenAPI 3.1 of the HTTP door', async () => {
  const document = openApiDocument() as { paths: Record<string, object>; components: { schemas: object } };
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(danglingRefs(document)).toEqual([]);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(httpOperations).sort());
  for (const type of Object.keys(eventSchemas))
    expect(document.components.schemas).toHaveProperty([`Event.${type}`]);
});

it('AsyncAPI 3 of the native protocol', () => {
  const document = asyncApiDocument() as { operations: Record<string, object> };
  validateAsyncApi(document);
  expect(validateAsyncApi.errors).toBeNull();
  expect(danglingRefs(document)).toEqual([]);
  const sent = Object.keys(notificationSchemas).map((name) => `send.${name}`);
  expect(Object.keys(document.operations)).toEqual([...Object.keys(methods), ...sent]);
});

it('a document that is not valid would be noticed', async () => {
  const { paths: _, ...openApi } = openApiDocument();
  expect((await new Validator().validate({ ...openApi, paths: { x: 1 } })).valid).toBe(false);
  expect(validateAsyncApi({ ...asyncApiDocument(), channels: { native: { address: 1 } } })).toBe(false);
  expect(danglingRefs({ a: { $ref: '#/b/c' } })).toEqual(['#/b/c']);
});
