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
  /** The first 120 characters of its prompt, where the operator lets them be shown. */
  title: z.string().optional(),
  /** When it has ended: what it cost. */
  costUsd: z.number().optional(),
  /** When it has failed: the code of its error. */
  failure: z.string().optional(),
  /** The job that it asks for once more. */
  rerunOf: jobIdSchema.optional(),
  /** Whose it is, where who asks sees the jobs of all tenants. */
  tenant: z.string().optional(),
});

export type Job = z.infer<typeof jobSchema>;

/** Who has listened to a job, and how far: what a gateway has handed to a connection, by that gateway's clock. */
export const listenerSchema = z.object({
  id: z.string(),
  door: z.string(),
  /** It only looked on: whether it was handed the end says nothing of those who wait for it. */
  watches: z.literal(true).optional(),
  since: z.number().int(),
  /** After which seq it began. */
  afterSeq: z.number().int().nonnegative(),
  lastSeq: z.number().int().nonnegative(),
  /** `ended`: it was handed the terminal event. `left`: it detached, or its connection closed. `lost`: the log was gone. */
  state: z.enum(['listening', 'ended', 'left', 'lost']),
  /** When it stopped. */
  until: z.number().int().optional(),
});

export type ListenerNote = z.infer<typeof listenerSchema>;

/** So many are kept, those that still listen before those that have stopped. */
export const MAX_LISTENER_NOTES = 20;
