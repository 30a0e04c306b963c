/** The AsyncAPI 3 document of the native protocol over WebSocket, made of the one schema source. */
import { z } from 'zod';
import { errorMemberSchema } from './errors.ts';
import { eventSchemas } from './events.ts';
import { PROTOCOL_VERSION, SUBPROTOCOL } from './limits.ts';
import { notificationSchemas } from './notifications.ts';
import { methods } from './requests.ts';

const COMPONENTS = '#/components/schemas/';
const CHANNEL = '#/channels/native';

type Frame = { name: string; summary: string; payload: object };

/** The document, as an object of JSON. */
export function asyncApiDocument(): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  const componentOf = (id: string, schema: z.ZodType) => {
    if (!registry.has(schema)) registry.add(schema, { id });
    return { $ref: `${COMPONENTS}${registry.get(schema)?.id}` };
  };
  for (const [type, schema] of Object.entries(eventSchemas)) componentOf(`Event.${type}`, schema);
  const frames: Frame[] = [
    {
      name: 'error',
      summary: 'Answers a request that is refused or fails.',
      payload: frameOf({ id: idSchema, error: componentOf('Error', errorMemberSchema) }),
    },
  ];
  const operations: Record<string, object> = {};
  for (const [method, { params, result }] of Object.entries(methods)) {
    const [request, answer] = [`${method}.request`, `${method}.result`];
    frames.push({
      name: request,
      summary: `Asks for \`${method}\`.`,
      payload: frameOf(
        { method: { const: method }, params: componentOf(`${method}.params`, params) },
        { id: idSchema },
      ),
    });
    frames.push({
      name: answer,
      summary: `Answers \`${method}\`.`,
      payload: frameOf({ id: idSchema, result: componentOf(`${method}.result`, result) }),
    });
    const reply = { channel: { $ref: CHANNEL }, messages: [answer, 'error'].map(messageRef) };
    operations[method] = {
      action: 'receive',
      channel: { $ref: CHANNEL },
      messages: [messageRef(request)],
      reply,
    };
  }
  for (const [method, schema] of Object.entries(notificationSchemas)) {
    frames.push({
      name: method,
      summary: `Tells of \`${method}\`.`,
      payload: frameOf({ method: { const: method }, params: componentOf(`${method}.notification`, schema) }),
    });
    operations[`send.${method}`] = {
      action: 'send',
      channel: { $ref: CHANNEL },
      messages: [messageRef(method)],
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'CC Executor',
      version: PROTOCOL_VERSION,
      description: 'JSON-RPC 2.0 in WebSocket text frames; PROTOCOL.md is the contract.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: { gateway: { host: '127.0.0.1:8003', protocol: 'ws' } },
    channels: {
      native: {
        address: '/ws',
        description: `Clients offer the subprotocol ${SUBPROTOCOL}.`,
        messages: Object.fromEntries(
          frames.map(({ name }) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations,
    components: {
      messages: Object.fromEntries(frames.map(({ name, ...message }) => [name, message])),
      schemas: componentSchemas(registry),
    },
  };
}

const idSchema = { type: ['string', 'integer', 'number', 'null'] };

/** A JSON-RPC frame with these members, and those that may be missing. */
function frameOf(required: Record<string, object>, optional: Record<string, object> = {}): object {
  return {
    type: 'object',
    required: ['jsonrpc', ...Object.keys(required)],
    properties: { jsonrpc: { const: '2.0' }, ...required, ...optional },
  };
}

function messageRef(name: string): { $ref: string } {
  return { $ref: `${CHANNEL}/messages/${name}` };
}

function componentSchemas(registry: z.core.$ZodRegistry<{ id: string }>): Record<string, object> {
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => COMPONENTS + id,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}
