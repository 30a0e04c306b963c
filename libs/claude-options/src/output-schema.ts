/**
 * Judges a JSON Schema that somebody wants an answer to fit, and the answers themselves, as Claude Code does: draft 7, no
 * keyword that it does not know, formats not looked at.
 * Each time in a thread of its own with bounds on time and memory: both are strangers', and a schema of some kilobytes can
 * take seconds to prepare, a pattern for ever.
 */
import { Worker } from 'node:worker_threads';
import type { OutputQuestion } from './output-judge.ts';

const LIMIT_MS = 10_000;
const MAX_HEAP_MB = 128;
const MAX_FAULT_LENGTH = 500;

type Schema = Readonly<Record<string, unknown>>;

/** Why it is no schema that Claude Code takes, in words; undefined when it is one. */
export function findSchemaFault(schema: Schema): Promise<string | undefined> {
  return ask({ schema: withoutDialect(schema) });
}

/** Why the object is not of this schema, in words; undefined when it is. @param limitMs how long that may take to tell */
export function findOutputFault(
  schema: Schema,
  output: unknown,
  limitMs: number = LIMIT_MS,
): Promise<string | undefined> {
  return ask({ schema: withoutDialect(schema), output }, limitMs);
}

/** Without `$schema`: Claude Code refuses to read what names another draft, though most of it means the same. */
export function withoutDialect({ $schema: _, ...schema }: Schema): Schema {
  return schema;
}

async function ask(question: OutputQuestion, limitMs = LIMIT_MS): Promise<string | undefined> {
  const thread = new Worker(new URL('./output-judge.ts', import.meta.url), {
    workerData: question,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    env: {},
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const late = setTimeout(() => resolve(`could not be judged within ${limitMs / 1_000} s`), limitMs);
  thread.once('message', (fault: string | undefined) => resolve(fault?.slice(0, MAX_FAULT_LENGTH)));
  thread.once('error', (error: Error) =>
    resolve(`could not be judged: ${error.message.slice(0, MAX_FAULT_LENGTH)}`),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    await thread.terminate();
  }
}
