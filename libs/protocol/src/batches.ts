/** Batches: many jobs that are submitted together, a line each. What is told of one, and of its lines. */
import { z } from 'zod';
import { eventSchema } from './events.ts';
import { batchIdSchema, jobIdSchema } from './ids.ts';
import { jobStatusSchema } from './job.ts';

const lineNumber = z.number().int().positive();
const count = z.number().int().nonnegative();

/** `accepting`: not all of its lines have come. */
const batchStatusSchema = z.enum(['accepting', 'running', 'ended']);

/** Why there is no job, or none any more: a code of those that answer requests. */
const lineErrorSchema = z.object({ code: z.string(), message: z.string() });

/** What became of a line: a job, or an error. */
const batchJobSchema = z.object({
  line: lineNumber,
  jobId: jobIdSchema.optional(),
  error: lineErrorSchema.optional(),
});

/** `created` is false when all of it had come before. */
export const submitBatchResultSchema = z.object({
  batchId: batchIdSchema,
  created: z.boolean(),
  lines: count,
  refused: count,
  jobs: z.array(batchJobSchema),
});

export const batchParamsSchema = z.strictObject({ batchId: batchIdSchema });

export const getBatchResultSchema = z.object({
  batchId: batchIdSchema,
  status: batchStatusSchema,
  createdAt: z.number().int(),
  lines: count,
  counts: z.object({
    queued: count,
    running: count,
    completed: count,
    failed: count,
    cancelled: count,
    timed_out: count,
    /** They have no job. */
    refused: count,
    /** The job's retention had passed before anybody looked. */
    expired: count,
  }),
});

export const batchResultsParamsSchema = batchParamsSchema.extend({
  afterLine: count.optional(),
  limit: z.number().int().min(1).max(100).optional(),
});

/** Of a line: its job's status, and `terminal` when that has ended; of a job that is gone the error is `job_not_found`. */
export const batchResultSchema = batchJobSchema.extend({
  status: jobStatusSchema.optional(),
  terminal: eventSchema.optional(),
});

/** `afterLine`: there may be more lines, which the same request with it gives. */
export const batchResultsResultSchema = z.object({
  results: z.array(batchResultSchema),
  afterLine: lineNumber.optional(),
});

/** Of how many of its jobs the cancel came before the end. */
export const cancelBatchResultSchema = z.object({ accepted: count });

export type BatchJob = z.infer<typeof batchJobSchema>;
export type BatchResult = z.infer<typeof batchResultSchema>;
