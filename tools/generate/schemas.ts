/** docs/schema/*.json: the JSON Schema of every message, for clients in other languages. */
import { jsonSchemas } from '@cc-executor/protocol';

/** The files by path. */
export function generateSchemas(): Map<string, string> {
  const entries = Object.entries(jsonSchemas());
  return new Map(
    entries.map(([name, schema]) => [`docs/schema/${name}`, `${JSON.stringify(schema, null, 2)}\n`]),
  );
}
