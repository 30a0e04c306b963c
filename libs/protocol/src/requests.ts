/** The native protocol's requests: parameters and results by method. */
import { optionSchemas } from '@cc-executor/claude-options/schema';
import { z } from 'zod';
import {
  batchParamsSchema,
  batchResultsParamsSchema,
  batchResultsResultSchema,
  cancelBatchResultSchema,
  getBatchResultSchema,
} from './batches.ts';
import { digestSchema } from './event-table.ts';
import { eventSchema } from './events.ts';
import { jobIdSchema } from './ids.ts';
import { jobSchema, jobStatusSchema, listenerSchema } from './job.ts';
import {
  MAX_ATTEMPTS,
  MAX_LISTED_MEMBERS,
  MAX_LISTED_NAME_LENGTH,
  MAX_LISTED_VALUE_LENGTH,
  MAX_METADATA_LENGTH,
  MAX_PRIORITY,
  MAX_PROMPT_LENGTH,
  MAX_TIMEOUT_MS,
  MAX_TITLE_LENGTH,
  MIN_TIMEOUT_MS,
} from './limits.ts';
import { overviewParamsSchema, overviewResultSchema } from './overview.ts';
import { jobStatuses } from './statuses.ts';
import { verifyResultSchema } from './verification.ts';
import { deliverySchema, webhookSchema } from './webhook.ts';

const durationMs = z.number().int().min(MIN_TIMEOUT_MS).max(MAX_TIMEOUT_MS);
const seq = z.number().int().nonnegative();

const timeoutsSchema = z.strictObject({
  queueMs: durationMs.optional(),
  firstOutputMs: durationMs.optional(),
  idleMs: durationMs.optional(),
  totalMs: durationMs.optional(),
  pausedMs: durationMs.optional(),
});

/** As W3C Trace Context has it: what a job is a part of, or what is a part of it. */
export const traceparentSchema = z
  .string()
  .regex(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/, 'is no traceparent of version 00');

/** One that cannot be read counts as none, as W3C has it. */
export const traceparentHeaderSchema = traceparentSchema.optional().catch(undefined);

const executeFields = {
  prompt: z.string().min(1).max(MAX_PROMPT_LENGTH),
  ...optionSchemas,
  idempotencyKey: z.string().min(1).max(256).optional(),
  timeouts: timeoutsSchema.optional(),
  retry: z.enum(['safe', 'never', 'always']).optional(),
  maxAttempts: z.number().int().min(1).max(MAX_ATTEMPTS).optional(),
  priority: z.number().int().min(0).max(MAX_PRIORITY).optional(),
  metadata: z
    .record(z.string(), z.unknown())
    .refine((value) => JSON.stringify(value).length <= MAX_METADATA_LENGTH, {
      message: `may not be longer than ${MAX_METADATA_LENGTH} characters as JSON`,
    })
    .optional(),
  webhook: webhookSchema.optional(),
  onDenial: z.enum(['report', 'fail']).optional(),
  onRefusal: z.enum(['report', 'fail']).optional(),
  onMcpFailure: z.enum(['report', 'fail']).optional(),
  toolMessages: z.boolean().optional(),
  onDisconnect: z.enum(['continue', 'cancel']).optional(),
  traceparent: traceparentSchema.optional(),
  attach: z.boolean().optional(),
  /** Several events may come in one message. */
  batches: z.boolean().optional(),
};

export const executeParamsSchema = withAttempts(z.strictObject(executeFields));

/** The same over HTTP, where the key is a header, and who submits is not attached. */
export const submitBodySchema = withAttempts(
  z.strictObject(executeFields).omit({ idempotencyKey: true, attach: true, batches: true }),
);

/** The same as a line of a batch, which has its key in it where it has one of its own. */
export const batchLineSchema = withAttempts(
  z.strictObject(executeFields).omit({ attach: true, batches: true }),
);

function withAttempts<T extends z.ZodType<{ retry?: string | undefined; maxAttempts?: number | undefined }>>(
  schema: T,
): T {
  return schema.refine(({ retry, maxAttempts }) => maxAttempts === undefined || retry === 'always', {
    message: 'is for jobs with retry "always" alone',
    path: ['maxAttempts'],
  });
}

export const executeResultSchema = z.object({
  jobId: jobIdSchema,
  epoch: z.string(),
  status: jobStatusSchema,
  created: z.boolean(),
  /** Of the job, where the gateway traces. */
  traceparent: traceparentSchema.optional(),
});

export const fromSchema = z.literal('snapshot');

const attachParamsSchema = z
  .strictObject({
    jobId: jobIdSchema,
    afterSeq: seq.optional(),
    from: fromSchema.optional(),
    epoch: z.string().max(64).optional(),
    /** As of `execute`. */
    batches: z.boolean().optional(),
    /** Looks on: whoever waits for the job is somebody else. */
    watch: z.boolean().optional(),
  })
  .refine(({ afterSeq, from }) => afterSeq === undefined || from === undefined, {
    message: 'says where to begin, and so does `from`: one of them only',
    path: ['afterSeq'],
  });

const attachResultSchema = z.object({
  jobId: jobIdSchema,
  epoch: z.string(),
  status: jobStatusSchema,
  lastSeq: seq,
  /** With `from: "snapshot"`: what it is of. */
  snapshotSeq: seq.optional(),
});

/** The new job is made of what stands in the record of the old one: who asks cannot change any of it. */
const rerunParamsSchema = z.strictObject({
  jobId: jobIdSchema,
  ...{ idempotencyKey: executeFields.idempotencyKey, attach: executeFields.attach },
  ...{ batches: executeFields.batches, traceparent: executeFields.traceparent },
});

const jobParamsSchema = z.strictObject({ jobId: jobIdSchema });
const detachResultSchema = z.object({});
/** Of `cancel`, `pause` and `resume`. `accepted` is false when the job had ended; then `status` says how. */
export const controlResultSchema = z.object({ status: jobStatusSchema, accepted: z.boolean() });
export const getResultSchema = jobSchema.extend({
  /** How many jobs of its tenant go before it; missing when it waits in no line: a worker is about to take it, or it is too early. */
  position: z.number().int().nonnegative().optional(),
  terminal: eventSchema.optional(),
  listeners: z.array(listenerSchema).optional(),
  /** How many more have listened. */
  moreListeners: z.number().int().positive().optional(),
  /** Of a job that asked for a webhook. */
  webhook: deliverySchema.optional(),
});

function isBetween(count: number, least: number, most: number): boolean {
  return count >= least && count <= most;
}

const time = z.number().int().nonnegative();

/** Which jobs: those that fit all that is named. */
const filterFields = {
  /** `unfinished`: queued or running. */
  status: z.enum([...jobStatuses, 'unfinished']).optional(),
  /** Accepted then or later. */
  since: time.optional(),
  /** Accepted before then. */
  before: time.optional(),
  /** Has these members in its metadata, compared as text. */
  metadata: z
    .record(
      z.string().min(1).max(MAX_LISTED_NAME_LENGTH),
      z.union([z.string().max(MAX_LISTED_VALUE_LENGTH), z.number(), z.boolean()]),
    )
    .refine((members) => isBetween(Object.keys(members).length, 1, MAX_LISTED_MEMBERS), {
      message: `names from 1 to ${MAX_LISTED_MEMBERS} members`,
    })
    .optional(),
  /** Has it in its title, whatever the case. */
  text: z.string().min(1).max(MAX_TITLE_LENGTH).optional(),
  /** Continues it, or has begun it. */
  conversation: optionSchemas.conversation,
  /** Its id begins so. */
  idPrefix: z
    .string()
    .regex(/^job_[0-9a-f]{4,32}$/, 'is job_ and from 4 to 32 hexadecimal digits')
    .optional(),
  /** Whose they are; any other tenant than the own one only for who sees the jobs of all. */
  tenant: z.string().min(1).max(64).optional(),
};

export const listParamsSchema = z.strictObject({
  ...filterFields,
  limit: z.number().int().min(1).max(100).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,16}:job_[0-9a-f]{32}$/, 'is no cursor that a list has given')
    .optional(),
});

/** Says which jobs are meant: one that says nothing would cancel all. */
export const cancelManyParamsSchema = listParamsSchema
  .extend({ status: z.enum(['queued', 'running', 'unfinished']).optional() })
  .refine(({ limit: _limit, cursor: _cursor, ...filter }) => Object.keys(filter).length > 0, {
    message: `has to name one of ${Object.keys(filterFields).join(', ')}`,
  });

/** `cursor`: there may be more, which the same request with it cancels. */
export const cancelManyResultSchema = z.object({
  jobs: z.array(controlResultSchema.extend({ jobId: jobIdSchema })),
  cursor: z.string().optional(),
});

/** As `list`, of all pages together. */
export const countParamsSchema = z.strictObject(filterFields);
/** `hasMore`: there are more than are counted. */
export const countResultSchema = z.object({ jobs: z.number().int().nonnegative(), hasMore: z.boolean() });

export const listResultSchema = z.object({ jobs: z.array(jobSchema), cursor: z.string().optional() });

const eventBodyParamsSchema = z.strictObject({
  jobId: jobIdSchema,
  seq: z.number().int().positive(),
  /** Where the page begins, in bytes: 0, or the `nextOffset` of the page before. */
  offset: z.number().int().nonnegative().optional(),
});

/** `bytes` and `sha256` are those of the whole body, a message as JSON. */
const eventBodyResultSchema = digestSchema.extend({
  offset: z.number().int().nonnegative(),
  text: z.string(),
  /** Missing on the last page. */
  nextOffset: z.number().int().positive().optional(),
});

const etag = z.string().max(128);
const fileBytes = z.number().int().nonnegative();

/** Paths are judged where the files are: what is wrong with one is told as `invalid_params`. */
const filePlace = { workspace: optionSchemas.workspace.unwrap(), path: z.string().max(8_192) };

export const listFilesParamsSchema = z.strictObject({
  ...filePlace,
  /** A folder; without one the workspace itself. */
  path: filePlace.path.optional(),
  /** With what is in its folders. */
  recursive: z.boolean().optional(),
  limit: z.number().int().min(1).max(1_000).optional(),
  cursor: z.string().max(8_192).optional(),
});

export const listFilesResultSchema = z.object({
  entries: z.array(
    z.object({
      /** Beneath the folder that is listed. */
      path: z.string(),
      /** Links are not followed; `other` is a device, a fifo or a socket. */
      kind: z.enum(['file', 'folder', 'link', 'other']),
      modifiedAt: z.number(),
      /** These two of a file. */
      bytes: fileBytes.optional(),
      etag: etag.optional(),
    }),
  ),
  /** There may be more, behind it. */
  cursor: z.string().optional(),
});

const readFileParamsSchema = z.strictObject({
  ...filePlace,
  /** Where the page begins, in bytes: 0, or the `nextOffset` of the page before. */
  offset: fileBytes.optional(),
  /** Of the page before: a file that was changed meanwhile is refused. */
  etag: etag.optional(),
});

const readFileResultSchema = z.object({
  /** Of the whole file. */
  bytes: fileBytes,
  etag,
  offset: fileBytes,
  /** The page, in base64. */
  base64: z.string(),
  /** Missing on the last page. */
  nextOffset: z.number().int().positive().optional(),
});

export const putFileResultSchema = z.object({
  created: z.boolean(),
  bytes: fileBytes,
  sha256: z.string(),
  etag,
});

const meParamsSchema = z.strictObject({});

const quotaSchema = z.object({
  /** Whose limit it is. */
  of: z.enum(['tenant', 'key']),
  /** As in a file of keys: `jobs`, `usdPerDay` … */
  name: z.string(),
  limit: z.number(),
  /** Of a budget: spent, or reserved for jobs that have not ended. */
  taken: z.number(),
  /** Of a budget: when all of it is there again. */
  resetsAt: time.optional(),
});

/** Who asks, as the gateway sees it. */
export const meResultSchema = z.object({
  tenant: z.string(),
  scopes: z.array(z.enum(['read', 'write', 'admin'])),
  /** The id of the key, or the subject of the token. */
  who: z.string(),
  /** The only job that is seen. */
  jobId: jobIdSchema.optional(),
  /** By path of the parameter of `execute`. */
  ceilings: z.record(z.string(), z.union([z.number(), z.array(z.string())])),
  /** Each limit on what may be held and spent, and how much of it is taken. */
  quotas: z.array(quotaSchema),
});

export const methods = {
  execute: { params: executeParamsSchema, result: executeResultSchema },
  rerun: { params: rerunParamsSchema, result: executeResultSchema },
  attach: { params: attachParamsSchema, result: attachResultSchema },
  detach: { params: jobParamsSchema, result: detachResultSchema },
  cancel: { params: jobParamsSchema, result: controlResultSchema },
  cancelMany: { params: cancelManyParamsSchema, result: cancelManyResultSchema },
  pause: { params: jobParamsSchema, result: controlResultSchema },
  resume: { params: jobParamsSchema, result: controlResultSchema },
  get: { params: jobParamsSchema, result: getResultSchema },
  me: { params: meParamsSchema, result: meResultSchema },
  overview: { params: overviewParamsSchema, result: overviewResultSchema },
  eventBody: { params: eventBodyParamsSchema, result: eventBodyResultSchema },
  verify: { params: jobParamsSchema, result: verifyResultSchema },
  list: { params: listParamsSchema, result: listResultSchema },
  count: { params: countParamsSchema, result: countResultSchema },
  redeliver: { params: jobParamsSchema, result: deliverySchema },
  getBatch: { params: batchParamsSchema, result: getBatchResultSchema },
  batchResults: { params: batchResultsParamsSchema, result: batchResultsResultSchema },
  cancelBatch: { params: batchParamsSchema, result: cancelBatchResultSchema },
  listFiles: { params: listFilesParamsSchema, result: listFilesResultSchema },
  readFile: { params: readFileParamsSchema, result: readFileResultSchema },
} as const;

export type Method = keyof typeof methods;
export type Params<M extends Method> = z.infer<(typeof methods)[M]['params']>;
export type Result<M extends Method> = z.infer<(typeof methods)[M]['result']>;
export type ExecuteParams = Params<'execute'>;
export type BatchLine = z.infer<typeof batchLineSchema>;
export type RetryPolicy = NonNullable<ExecuteParams['retry']>;
