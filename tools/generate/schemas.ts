/**
 * docs/schema/*.json: the JSON Schema of every message, for clients in other languages; docs/openapi.json and
 * docs/asyncapi.json: the doors as wholes.
 */
import { asyncApiDocument, jsonSchemas, openApiDocument } from '@cc-executor/protocol';

/** The files by path. */
export function generateSchemas(): Map<string, string> {
  const schemas = Object.entries(jsonSchemas()).map(
    ([name, schema]) => [`docs/schema/${name}`, schema] as const,
  );
  const files: (readonly [string, object])[] = [
    ...schemas,
    ['docs/openapi.json', openApiDocument()],
    ['docs/asyncapi.json', asyncApiDocument()],
  ];
  return new Map(files.map(([path, content]) => [path, `${JSON.stringify(content, null, 2)}\n`]));
}
