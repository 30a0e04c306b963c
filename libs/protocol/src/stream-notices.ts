/** What the HTTP door tells on a stream of events besides them. */
import { z } from 'zod';
import { jobStatusSchema } from './job.ts';
import { snapshotSchema } from './snapshot.ts';

/** What is told between events, on a stream that has names for it. */
export const streamNoticeSchemas = {
  heartbeat: z.object({
    lastSeq: z.number().int().nonnegative().optional(),
    status: jobStatusSchema.optional(),
  }),
  snapshot: snapshotSchema,
  job_lost: z.object({ lastSeq: z.number().int().nonnegative(), reason: z.string() }),
  degraded: z.object({ reason: z.string() }),
  restored: z.object({}),
  goaway: z.object({ reason: z.string(), reconnectAfterMs: z.number().int().nonnegative() }),
} as const;

export type StreamNoticeName = keyof typeof streamNoticeSchemas;
export type StreamNotice<N extends StreamNoticeName> = z.infer<(typeof streamNoticeSchemas)[N]>;
