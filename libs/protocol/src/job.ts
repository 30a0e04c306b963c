/** What a job is, as its clients see it. */
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';
import { jobStatuses, type TerminalType, terminalTypes } from './statuses.ts';

export type TerminalStatus = TerminalType;
export const terminalStatuses = terminalTypes;

export const jobStatusSchema = z.enum(jobStatuses);

/** Times are Unix times in milliseconds, from Redis's clock. */
export const jobSchema = z.object({
  jobId: jobIdSchema,
  epoch: z.string(),
  status: jobStatusSchema,
  attempt: z.number().int().nonnegative(),
  lastSeq: z.number().int().nonnegative(),
  cancelRequested: z.boolean(),
  /** It is to be paused; `pausedAt` says whether it is. */
  pauseRequested: z.boolean(),
  createdAt: z.number().int(),
  startedAt: z.number().int().optional(),
  endedAt: z.number().int().optional(),
  /** Since when it has been paused. */
  pausedAt: z.number().int().optional(),
  /** It is queued, and waits until then for a usage limit to be lifted. */
  notBefore: z.number().int().optional(),
  /**
   * When the job must have ended; while it is queued, when it must have been taken; while it is paused, when it must
   * have been resumed.
   */
  deadlineAt: z.number().int(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  /** The job that it asks for once more. */
  rerunOf: jobIdSchema.optional(),
});

export type Job = z.infer<typeof jobSchema>;
