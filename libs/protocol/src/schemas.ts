/** JSON Schema of every message, generated from the Zod schemas; written to docs/schema by `npm run generate`. */
import { z } from 'zod';
import {
  dialectControlParamsSchema,
  dialectExecuteParamsSchema,
  dialectNotificationSchemas,
} from './dialect.ts';
import { errorMemberSchema } from './errors.ts';
import { eventSchemas } from './events.ts';
import { notificationSchemas } from './notifications.ts';
import { methods } from './requests.ts';
import { webhookBodySchema } from './webhook.ts';

/** Every message's schema by its name, in the form that example files are named after. */
export function messageSchemas(): Record<string, z.ZodType> {
  const named: Record<string, z.ZodType> = { error: errorMemberSchema };
  for (const [method, { params, result }] of Object.entries(methods)) {
    named[`request.${method}.params`] = params;
    named[`request.${method}.result`] = result;
  }
  for (const [method, schema] of Object.entries(notificationSchemas)) {
    if (method !== 'event') named[`notification.${method}`] = schema;
  }
  for (const [type, schema] of Object.entries(eventSchemas)) named[`event.${type}`] = schema;
  named['webhook.body'] = webhookBodySchema;
  named['dialect.execute.params'] = dialectExecuteParamsSchema;
  named['dialect.control.params'] = dialectControlParamsSchema;
  for (const [method, schema] of Object.entries(dialectNotificationSchemas))
    named[`dialect.${method}`] = schema;
  return named;
}

/** JSON Schema documents by file name. */
export function jsonSchemas(): Record<string, object> {
  const files: Record<string, object> = {};
  for (const [name, schema] of Object.entries(messageSchemas())) {
    files[`${name}.json`] = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  }
  return files;
}
