/**
 * Schemas of any library that speaks Standard Schema (standardschema.dev), for structured output: what they say as a JSON
 * Schema is asked for, and what comes is judged by them.
 */
import { ClientError } from './errors.ts';

type Judged<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

export type StandardSchema<T = unknown> = {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Judged<T> | Promise<Judged<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
    /** Zod has it from 4.2 on; where a library has none, pass `outputSchema` as a JSON Schema. */
    readonly jsonSchema?: { readonly input: (options: { target: 'draft-07' }) => Record<string, unknown> };
  };
};

export type OutputSchema = StandardSchema | Readonly<Record<string, unknown>>;

/** What comes of a schema: the library's type, or nothing that is known. */
export type OutputOf<S> = S extends StandardSchema<infer T> ? T : unknown;

export function isStandardSchema(schema: object | undefined): schema is StandardSchema {
  return schema !== undefined && '~standard' in schema;
}

/** Errors: `invalid_params` when the library cannot say it. */
export function jsonSchemaOf({
  '~standard': { vendor, jsonSchema },
}: StandardSchema): Record<string, unknown> {
  if (jsonSchema) return jsonSchema.input({ target: 'draft-07' });
  throw new ClientError(
    'invalid_params',
    `${vendor} gives no JSON Schema here: pass one as \`outputSchema\`.`,
  );
}

/** Errors: `output_invalid`. */
export async function judge(schema: StandardSchema, value: unknown): Promise<unknown> {
  const judged = await schema['~standard'].validate(value);
  if (judged.issues === undefined) return judged.value;
  throw new ClientError('output_invalid', judged.issues.map(({ message }) => message).join('; '));
}
