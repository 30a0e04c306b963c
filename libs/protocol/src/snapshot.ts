/** A snapshot: the fold of a job's events up to a seq, a page at a time. What follows are the events after it. */
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';
import { jobStatusSchema } from './job.ts';

const seq = z.number().int().positive();

const foldStateSchema = z.object({
  status: jobStatusSchema,
  paused: z.boolean(),
  engine: z.string().optional(),
  model: z.string().optional(),
  version: z.string().optional(),
  throttledUntilMs: z.number().int().optional(),
  tools: z.array(z.object({ seq, toolUseId: z.string(), name: z.string(), parent: z.string().optional() })),
});

export const snapshotSchema = z.object({
  jobId: jobIdSchema,
  epoch: z.string(),
  seq,
  pieces: z.array(z.object({ seq, text: z.string(), begin: z.boolean().optional() })),
  /** Of the last page alone. */
  state: foldStateSchema.optional(),
});
