/** The schema of each option, made from the table: what the gateway takes is what claude-api takes. */
import { z } from 'zod';
import type { Kind, TextKind } from './kinds.ts';
import { type ClaudeOptions, claudeOptions, type OptionName } from './options.ts';
import { SOURCE_ADDRESS, SOURCE_ADDRESS_RULE } from './sources.ts';

const MAX_ADDRESS_LENGTH = 2_048;
/** Nothing that Git takes for an option, a pattern or a range. */
const REF = /^(?!.*(?:\.\.|\/\/|\.lock(?:\/|$)|\/\.|\.$|\/$))[A-Za-z0-9][\w./+-]*$/;

type OptionSchemas = { [N in OptionName]: z.ZodOptional<z.ZodType<NonNullable<ClaudeOptions[N]>>> };

const objectSchema = z.record(z.string(), z.unknown());

/** By name, to be spread into the schema of a request. Values come out as they went in. */
export const optionSchemas = Object.fromEntries(
  Object.entries(claudeOptions).map(([name, { value, meaning }]) => [
    name,
    schemaOf(value).optional().describe(meaning),
  ]),
) as OptionSchemas;

function schemaOf(kind: Kind): z.ZodType {
  switch (kind.kind) {
    case 'text':
      return textSchema(kind);
    case 'choice':
      return z.enum(kind.choices);
    case 'integer':
      return z.number().int().min(kind.min).max(kind.max);
    case 'amount':
      return z.number().positive().max(kind.max);
    case 'list': {
      const list = z.array(textSchema(kind.of)).max(kind.max);
      return kind.orOne ? z.union([textSchema(kind.of), list]) : list;
    }
    case 'map':
      return z.record(textSchema(kind.names), textSchema(kind.values));
    case 'files':
      return filesSchema(kind);
    case 'source':
      return sourceSchema(kind);
    case 'object':
      return bounded(objectSchema, kind);
    case 'schema':
      return bounded(
        objectSchema.refine(({ type }) => type === 'object', 'must be a JSON Schema with the type "object"'),
        kind,
      );
  }
}

function bounded(
  schema: typeof objectSchema,
  { max, maxDepth }: Pick<Extract<Kind, { kind: 'object' }>, 'max' | 'maxDepth'>,
): z.ZodType {
  return (
    schema
      // What is nested too deep is not written as JSON: that could exhaust the stack.
      .refine((value) => !isDeeper(value, maxDepth), {
        error: `may not be nested more than ${maxDepth} deep`,
        abort: true,
      })
      .refine((value) => JSON.stringify(value).length <= max, {
        error: `may not be longer than ${max} characters as JSON`,
      })
  );
}

function filesSchema({ mediaTypes, max, maxLength }: Extract<Kind, { kind: 'files' }>): z.ZodType {
  const file = z.strictObject({
    mediaType: z.enum(Object.values(mediaTypes)),
    data: z.base64({ error: 'must be base64' }).min(1),
  });
  return z
    .array(file)
    .max(max)
    .refine((files) => files.reduce((sum, { data }) => sum + data.length, 0) <= maxLength, {
      error: `may not be longer than ${maxLength} characters of base64 in all`,
    });
}

function sourceSchema({ maxDepth }: Extract<Kind, { kind: 'source' }>): z.ZodType {
  const address = z.string().max(MAX_ADDRESS_LENGTH).regex(SOURCE_ADDRESS, SOURCE_ADDRESS_RULE);
  const ref = z.string().max(256).regex(REF, 'must be a branch, a tag, or a commit id');
  return z.union([
    z.strictObject({
      git: address.regex(/^[^?]*$/, 'may have no query'),
      ref: ref.optional(),
      depth: z.number().int().min(1).max(maxDepth).optional(),
    }),
    z.strictObject({ archive: address }),
  ]);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

function textSchema({ max, pattern, rule }: TextKind): z.ZodType<string, string> {
  const text = z.string().regex(pattern, rule);
  return max === undefined ? text : text.max(max);
}
