/** The OpenAPI 3.1 document of the HTTP door, made of its table and of the one schema source. */
import { z } from 'zod';
import { protocolErrors } from './error-codes.ts';
import { problemSchema } from './errors.ts';
import { eventSchema, eventSchemas } from './events.ts';
import type { HttpOperation } from './http-operation.ts';
import { httpOperations } from './http-operations.ts';
import { jobSchema } from './job.ts';
import { PROTOCOL_VERSION } from './limits.ts';
import { controlResultSchema } from './requests.ts';
import { streamNoticeSchemas } from './stream-notices.ts';
import { webhookBodySchema } from './webhook.ts';

const COMPONENTS = '#/components/schemas/';

type Schema = Record<string, unknown>;

/** The document, as an object of JSON. */
export function openApiDocument(): Record<string, unknown> {
  const named = new Map<z.ZodType, string>([
    [problemSchema, 'Problem'],
    [jobSchema, 'Job'],
    [eventSchema, 'Event'],
    [controlResultSchema, 'Control'],
    [webhookBodySchema, 'Webhook'],
  ]);
  for (const [type, schema] of Object.entries(eventSchemas)) named.set(schema, `Event.${type}`);
  for (const [name, schema] of Object.entries(streamNoticeSchemas)) named.set(schema, `Notice.${name}`);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries<HttpOperation>(httpOperations)) {
    for (const [part, schema] of schemasOf(operation)) {
      if (!named.has(schema)) named.set(schema, `${name}.${part}`);
    }
  }
  const componentOf = (schema: z.ZodType) => ({ $ref: `${COMPONENTS}${named.get(schema)}` });
  for (const [name, operation] of Object.entries<HttpOperation>(httpOperations)) {
    const { method } = operation;
    const path = operation.path.replace('{+', '{');
    paths[path] = { ...paths[path], [method.toLowerCase()]: describeOperation(name, operation, componentOf) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'CC Executor',
      version: PROTOCOL_VERSION,
      summary: 'Runs Claude Code for other programs.',
      description:
        'Every accepted job ends with exactly one terminal event, which reaches everyone who listens now or attaches later.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    // A gateway with AUTH_MODE=none asks for none.
    security: [{ token: [] }, {}],
    paths,
    webhooks: { jobEnded: { post: describeWebhook(componentOf) } },
    components: {
      schemas: componentSchemas(named),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

/** What is named after its operation. */
function schemasOf({ body, lines, answers }: HttpOperation): [string, z.ZodType][] {
  const contents = Object.values(answers).flatMap(({ content = {} }) => Object.values(content));
  const [answer] = contents.filter((schema) => schema !== undefined);
  return [
    ...(body ? [['body', body] as [string, z.ZodType]] : []),
    ...(lines ? [['line', lines] as [string, z.ZodType]] : []),
    ...(answer ? [['answer', answer] as [string, z.ZodType]] : []),
  ];
}

function describeOperation(
  name: string,
  { summary, inPath, inQuery, inHeaders, body, lines, takesBytes, answers, isPublic }: HttpOperation,
  componentOf: (schema: z.ZodType) => Schema,
): Record<string, unknown> {
  const responses = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    { description, ...(content && { content: contentOf(content, componentOf) }) },
  ]);
  const problem = { 'application/problem+json': { schema: componentOf(problemSchema) } };
  return {
    operationId: name,
    summary,
    ...(isPublic && { security: [] }),
    parameters: [
      ...parametersOf('path', inPath),
      ...parametersOf('query', inQuery),
      ...parametersOf('header', inHeaders),
    ],
    ...(body && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: { 'application/json': { schema: componentOf(body) } },
      },
    }),
    ...(lines && {
      requestBody: {
        description: 'Lines of JSON; the schema is that of each.',
        required: true,
        content: { 'application/x-ndjson': { schema: componentOf(lines) } },
      },
    }),
    ...(takesBytes && {
      requestBody: {
        required: true,
        content: { 'application/octet-stream': { schema: { type: 'string' } } },
      },
    }),
    responses: {
      ...Object.fromEntries(responses),
      default: {
        description: `An error: ${Object.keys(protocolErrors).join(', ')}.`,
        headers: { 'Retry-After': { description: 'In seconds.', schema: { type: 'integer' } } },
        content: problem,
      },
    },
  };
}

/** What is sent to the URL that a job names, in place of an answer. */
function describeWebhook(componentOf: (schema: z.ZodType) => Schema): Record<string, unknown> {
  const header = (name: string, description: string) => ({
    ...{ name, in: 'header', required: true, description },
    schema: { type: 'string' },
  });
  return {
    operationId: 'jobEnded',
    summary: 'Tells the URL that a job named as `webhook.url` how it has ended.',
    parameters: [
      header('webhook-id', 'The same each time that this ending is told.'),
      header('webhook-timestamp', 'When it was sent, in seconds.'),
      header('webhook-signature', 'As in Standard Webhooks: `v1,` and the signature by each secret.'),
    ],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: componentOf(webhookBodySchema) } },
    },
    responses: { '2XX': { description: 'It is taken. After anything else it is sent again.' } },
  };
}

function contentOf(
  content: Readonly<Record<string, z.ZodType | undefined>>,
  componentOf: (schema: z.ZodType) => Schema,
): Record<string, unknown> {
  const types = Object.entries(content).map(([mediaType, schema]) => [
    mediaType,
    { schema: schema ? componentOf(schema) : { type: 'string' } },
  ]);
  return Object.fromEntries(types);
}

function parametersOf(place: 'path' | 'query' | 'header', { shape }: z.ZodObject): object[] {
  return Object.entries(shape as Record<string, z.ZodType>).map(([name, schema]) => {
    const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'output' });
    // `metadata[name]=value`; the door takes `metadata.name=value`, too.
    const style = described.type === 'object' && { style: 'deepObject', explode: true };
    return { name, in: place, required: !schema.safeParse(undefined).success, ...style, schema: described };
  });
}

function componentSchemas(named: ReadonlyMap<z.ZodType, string>): Record<string, Schema> {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of named) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => COMPONENTS + id,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as Schema]),
  );
}
