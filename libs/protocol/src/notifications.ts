/** What the gateway sends without being asked. */
import { z } from 'zod';
import { eventBatchSchema, eventSchema } from './events.ts';
import { jobIdSchema } from './ids.ts';
import { jobStatusSchema } from './job.ts';
import { snapshotSchema } from './snapshot.ts';

export const notificationSchemas = {
  connected: z.object({
    connectionId: z.string(),
    version: z.string(),
    heartbeatMs: z.number().int().positive(),
    limits: z.object({
      maxFrameBytes: z.number().int(),
      maxAttachments: z.number().int(),
      /** By path of the parameter of `execute`. A gateway of an older version tells none. */
      ceilings: z.record(z.string(), z.number()).optional(),
    }),
  }),
  event: eventSchema,
  events: eventBatchSchema,
  snapshot: snapshotSchema,
  heartbeat: z.object({
    jobs: z.array(
      z.object({ jobId: jobIdSchema, seq: z.number().int().nonnegative(), status: jobStatusSchema }),
    ),
  }),
  job_lost: z.object({ jobId: jobIdSchema, lastSeq: z.number().int().nonnegative(), reason: z.string() }),
  degraded: z.object({ reason: z.string() }),
  restored: z.object({}),
  goaway: z.object({ reason: z.string(), reconnectAfterMs: z.number().int().nonnegative() }),
} as const;

export type NotificationMethod = keyof typeof notificationSchemas;
export type Notification<M extends NotificationMethod> = z.infer<(typeof notificationSchemas)[M]>;
