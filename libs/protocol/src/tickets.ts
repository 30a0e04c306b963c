/** Tickets: what a browser opens a WebSocket with, which cannot say who it is in a header. */
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';

/** What the WebSocket may do, and who may open it; what is not said is as with the token that asks. */
export const ticketBodySchema = z
  .strictObject({
    scopes: z
      .array(z.enum(['read', 'write', 'admin']))
      .min(1)
      .max(3)
      .optional(),
    /** The WebSocket sees this job alone. */
    jobId: jobIdSchema.optional(),
    /** Of the page that will open it. Else that of the page that asks, if it is one. */
    origin: z.string().min(1).max(256).optional(),
  })
  .optional();

export const ticketResultSchema = z.object({
  ticket: z.string(),
  /** In Redis's time, in ms. */
  expiresAt: z.number().int(),
});
