/**
 * The prototype's dialect, spoken at `/ws/mcp`. Its clients run unchanged, so its looseness is kept: `id` is
 * optional, unknown fields are ignored, every error is -32000.
 */
import { z } from 'zod';
import { MAX_PROMPT_LENGTH } from './limits.ts';

const DIALECT_ERROR = -32000;

export const dialectExecuteParamsSchema = z.looseObject({
  command: z.string().min(1).max(MAX_PROMPT_LENGTH),
});
export const dialectControlParamsSchema = z.looseObject({ type: z.enum(['PAUSE', 'RESUME', 'CANCEL']) });

const dialectStatuses = ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type DialectStatus = (typeof dialectStatuses)[number];

export const dialectNotificationSchemas = {
  connected: z.object({ sessionId: z.string() }),
  output: z.object({ type: z.enum(['stdout', 'stderr']), content: z.string() }),
  statusUpdate: z.object({
    status: z.enum(dialectStatuses),
    jobId: z.string().optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  }),
} as const;

/** An error in the prototype's form. */
export function dialectErrorFrame(id: string | number | null, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: DIALECT_ERROR, message } });
}
