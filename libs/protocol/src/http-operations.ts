/**
 * The one table of what the HTTP door takes: method, path, what stands where in a request, and how it is answered. The
 * gateway's routes and the OpenAPI document are made of it. Errors are `problemSchema`, with the status of their code.
 */
import { z } from 'zod';
import {
  batchResultSchema,
  cancelBatchResultSchema,
  getBatchResultSchema,
  submitBatchResultSchema,
} from './batches.ts';
import { eventSchema } from './events.ts';
import type { HttpOperation } from './http-operation.ts';
import { batchIdSchema, jobIdSchema } from './ids.ts';
import { MAX_WAIT_S } from './limits.ts';
import { overviewParamsSchema, overviewResultSchema } from './overview.ts';
import {
  batchLineSchema,
  cancelManyParamsSchema,
  cancelManyResultSchema,
  controlResultSchema,
  countParamsSchema,
  countResultSchema,
  executeResultSchema,
  fromSchema,
  getResultSchema,
  listFilesParamsSchema,
  listFilesResultSchema,
  listParamsSchema,
  listResultSchema,
  meResultSchema,
  putFileResultSchema,
  submitBodySchema,
  traceparentHeaderSchema,
} from './requests.ts';
import { ticketBodySchema, ticketResultSchema } from './tickets.ts';
import { verifyResultSchema } from './verification.ts';
import { deliverySchema, rotateWebhookSecretBodySchema, webhookSecretsResultSchema } from './webhook.ts';

const wholeNumber = <T extends z.ZodType<number, number>>(inner: T) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'is no whole number')
    .transform(Number)
    .pipe(inner);

const flagText = z
  .enum(['true', 'false'])
  .transform((word) => word === 'true')
  .pipe(z.boolean());
const seqText = wholeNumber(z.number().int().nonnegative());
const jobPath = z.strictObject({ jobId: jobIdSchema });
const { workspace } = listFilesParamsSchema.shape;
const workspacePath = z.strictObject({ workspace });
const filePath = z.strictObject({ workspace, path: z.string().min(1).max(8_192) });
const etagHeader = z.string().max(128);
const bytes = { 'application/octet-stream': undefined };
const nothing = z.strictObject({});
const noBody = nothing.optional();

const json = (schema: z.ZodType) => ({ 'application/json': schema });
const ok = (description: string, schema: z.ZodType) => ({ 200: { description, content: json(schema) } });
const inForm = (type: string, said: string) => ({
  200: { description: said, content: { [type]: undefined } },
});
const plain = { inPath: nothing, inQuery: nothing, inHeaders: z.object({}) };
const publicPage = {
  ...plain,
  method: 'GET',
  isPublic: true,
  answers: inForm('text/html', 'A page without external assets.'),
} as const;
const ofJob = { ...plain, inPath: jobPath };
const ofBatch = { ...plain, inPath: z.strictObject({ batchId: batchIdSchema }) };
const idempotencyKey = z.string().min(1).max(256);

const submitResultSchema = executeResultSchema.extend({
  /** With `wait`, when the job has ended in that time. */
  terminal: eventSchema.optional(),
});

const submitting = {
  inQuery: z.strictObject({ wait: wholeNumber(z.number().int().min(1).max(MAX_WAIT_S)).optional() }),
  inHeaders: z.object({ 'idempotency-key': idempotencyKey.optional(), traceparent: traceparentHeaderSchema }),
  answers: {
    200: { description: 'The job that the idempotency key stands for.', content: json(submitResultSchema) },
    201: { description: 'A new job; `Location` is where it is.', content: json(submitResultSchema) },
  },
};

const times = {
  since: wholeNumber(listParamsSchema.shape.since.unwrap()).optional(),
  before: wholeNumber(listParamsSchema.shape.before.unwrap()).optional(),
};
const listLimit = wholeNumber(listParamsSchema.shape.limit.unwrap()).optional();

export const httpOperations = {
  submitJob: {
    ...plain,
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Submits a job; with `wait`, answers when it has ended.',
    ...submitting,
    body: submitBodySchema,
  },
  rerunJob: {
    ...ofJob,
    method: 'POST',
    path: '/v1/jobs/{jobId}/rerun',
    summary: 'Submits a job once more, with all that it asked for; with `wait`, answers when it has ended.',
    ...submitting,
    body: noBody,
  },
  listJobs: {
    ...plain,
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Lists jobs, all or those that fit a filter, the newest first.',
    inQuery: listParamsSchema.extend({ ...times, limit: listLimit }),
    answers: ok('A page of jobs; while there is a `cursor` there may be more.', listResultSchema),
  },
  countJobs: {
    ...plain,
    method: 'GET',
    path: '/v1/jobs/count',
    summary: 'Counts the jobs that fit a filter.',
    inQuery: countParamsSchema.extend(times),
    answers: ok('How many there are.', countResultSchema),
  },
  getConversation: {
    ...plain,
    method: 'GET',
    path: '/v1/conversations/{conversation}',
    summary: 'Lists the jobs of a conversation, the newest first.',
    inPath: z.strictObject({ conversation: listParamsSchema.shape.conversation.unwrap() }),
    inQuery: z.strictObject({ limit: listLimit, cursor: listParamsSchema.shape.cursor }),
    answers: ok(
      'A page of jobs, none where it is unknown; while there is a `cursor` there may be more.',
      listResultSchema,
    ),
  },
  getJob: {
    ...ofJob,
    method: 'GET',
    path: '/v1/jobs/{jobId}',
    summary: 'Says what a job is now, with its terminal event when it has ended.',
    answers: ok('The job.', getResultSchema),
  },
  streamEvents: {
    ...ofJob,
    method: 'GET',
    path: '/v1/jobs/{jobId}/events',
    summary: 'Streams the events of a job, from any position to its terminal event.',
    inQuery: z
      .strictObject({
        after: seqText.optional(),
        from: fromSchema.optional(),
        epoch: z.string().max(64).optional(),
        watch: flagText.optional(),
      })
      .refine(({ after, from }) => after === undefined || from === undefined, {
        message: 'says where to begin, and so does `from`: one of them only',
        path: ['after'],
      }),
    inHeaders: z.object({ 'last-event-id': seqText.or(z.literal('')).optional() }),
    answers: {
      200: {
        description:
          'The events, each an `Event`; `id` is its seq. The stream ends after the terminal event. Between them come a `Notice.…`.',
        content: { 'text/event-stream': undefined, 'application/x-ndjson': undefined },
      },
      204: { description: 'The job has ended, and the position is its end: nothing follows.' },
    },
  },
  readEventBody: {
    ...plain,
    method: 'GET',
    path: '/v1/jobs/{jobId}/events/{seq}/body',
    summary: 'Gives the whole message of an event that holds a shortened one.',
    inPath: jobPath.extend({ seq: wholeNumber(z.number().int().positive()) }),
    answers: ok('The message; `Repr-Digest` is its SHA-256.', z.record(z.string(), z.unknown())),
  },
  diffJob: {
    ...ofJob,
    method: 'GET',
    path: '/v1/jobs/{jobId}/diff',
    summary: 'Tells what a job has changed in its workspace, as it was when the job ended.',
    answers: inForm('text/x-diff', "As Git tells it; its digest stands in the terminal event's `diff`."),
  },
  cancelJobs: {
    ...plain,
    method: 'POST',
    path: '/v1/jobs/cancel',
    summary: 'Cancels the unfinished jobs that a filter names, a page at a time.',
    body: cancelManyParamsSchema,
    answers: ok('Those of this page; while there is a `cursor` there may be more.', cancelManyResultSchema),
  },
  cancelJob: control('cancel', 'Cancels a job.'),
  pauseJob: control('pause', 'Lets a job stand still.'),
  resumeJob: control('resume', 'Lets a paused job go on.'),
  verifyJob: {
    ...ofJob,
    method: 'POST',
    path: '/v1/jobs/{jobId}/verify',
    summary: "Compares the text of an ended job with its digest and Claude Code's transcript.",
    body: noBody,
    answers: ok('The verdict.', verifyResultSchema),
  },
  redeliverWebhook: {
    ...ofJob,
    method: 'POST',
    path: '/v1/jobs/{jobId}/redeliver',
    summary: 'Sends the webhook of an ended job again.',
    body: noBody,
    answers: ok('How far the delivery has come.', deliverySchema),
  },
  submitBatch: {
    ...plain,
    method: 'POST',
    path: '/v1/batches',
    summary: 'Submits many jobs, a line each.',
    inHeaders: z.object({ 'idempotency-key': idempotencyKey, traceparent: traceparentHeaderSchema }),
    lines: batchLineSchema,
    answers: {
      200: { description: 'The batch had come before.', content: json(submitBatchResultSchema) },
      201: {
        description:
          'All lines have come, and each has its job or its error; `Location` is where the batch is.',
        content: json(submitBatchResultSchema),
      },
    },
  },
  getBatch: {
    ...ofBatch,
    method: 'GET',
    path: '/v1/batches/{batchId}',
    summary: 'Counts the lines of a batch by what became of them.',
    answers: ok('The batch.', getBatchResultSchema),
  },
  batchResults: {
    ...ofBatch,
    method: 'GET',
    path: '/v1/batches/{batchId}/results',
    summary: 'Gives what became of each line of a batch, or of those after one, in their order.',
    inQuery: z.strictObject({ afterLine: seqText.optional() }),
    answers: {
      200: { description: 'A line for each.', content: { 'application/x-ndjson': batchResultSchema } },
    },
  },
  cancelBatch: {
    ...ofBatch,
    method: 'POST',
    path: '/v1/batches/{batchId}/cancel',
    summary: 'Cancels the jobs of a batch, and those that it may still get.',
    body: noBody,
    answers: ok('Of how many jobs the cancel came before the end.', cancelBatchResultSchema),
  },
  listFiles: {
    ...plain,
    method: 'GET',
    path: '/v1/workspaces/{workspace}/files',
    summary: 'Lists the files of a workspace, or of a folder in it.',
    inPath: workspacePath,
    inQuery: listFilesParamsSchema.omit({ workspace: true }).extend({
      recursive: flagText.optional(),
      limit: wholeNumber(listFilesParamsSchema.shape.limit.unwrap()).optional(),
    }),
    answers: ok('A page; while there is a `cursor` there may be more.', listFilesResultSchema),
  },
  readFile: {
    ...plain,
    method: 'GET',
    path: '/v1/workspaces/{workspace}/files/{+path}',
    summary: 'Gives a file of a workspace.',
    inPath: filePath,
    inHeaders: z.object({ range: z.string().max(64).optional(), 'if-match': etagHeader.optional() }),
    answers: {
      200: { description: 'Its bytes; `ETag` names this content.', content: bytes },
      206: { description: 'Those that `Range` asks for.', content: bytes },
    },
  },
  putFile: {
    ...plain,
    method: 'PUT',
    path: '/v1/workspaces/{workspace}/files/{+path}',
    summary: 'Puts a file into a workspace, whole or not at all; what is missing on the way is made.',
    inPath: filePath,
    inHeaders: z.object({
      'if-match': etagHeader.optional(),
      'if-none-match': z.literal('*').optional(),
      'repr-digest': z
        .string()
        .regex(/^sha-256=:[\w+/]{43}=:$/, 'is no sha-256')
        .optional(),
    }),
    takesBytes: true,
    answers: {
      200: { description: 'It took the place of another.', content: json(putFileResultSchema) },
      201: { description: 'There was none.', content: json(putFileResultSchema) },
    },
  },
  packFiles: {
    ...plain,
    method: 'GET',
    path: '/v1/workspaces/{workspace}/archive',
    summary: 'Gives the folders and files of a workspace, or of a folder in it, as one archive.',
    inPath: workspacePath,
    inQuery: listFilesParamsSchema.pick({ path: true }),
    answers: inForm('application/gzip', 'A tar, compressed.'),
  },
  diffFiles: {
    ...plain,
    method: 'GET',
    path: '/v1/workspaces/{workspace}/diff',
    summary:
      'Tells what was changed in a workspace since its last commit, or since the start of its last job.',
    inPath: workspacePath,
    answers: {
      200: {
        description: 'As Git tells it; nothing when nothing was.',
        content: { 'text/x-diff': undefined },
      },
    },
  },
  getMe: {
    ...plain,
    method: 'GET',
    path: '/v1/me',
    summary: 'Says who asks: tenant and scopes, and what may be asked for.',
    answers: ok('Who that is.', meResultSchema),
  },
  getOverview: {
    ...plain,
    method: 'GET',
    path: '/v1/overview',
    summary: 'Says how all of it is: what ended of late, what it cost, what waits, which services there are.',
    inQuery: z.strictObject({ minutes: wholeNumber(overviewParamsSchema.shape.minutes.unwrap()).optional() }),
    answers: ok('For operators alone.', overviewResultSchema),
  },
  createTicket: {
    ...plain,
    method: 'POST',
    path: '/v1/tickets',
    summary:
      'Gives a ticket: with it one WebSocket is opened, once, soon, and with no more than is asked for.',
    body: ticketBodySchema,
    answers: { 201: { description: 'The ticket.', content: json(ticketResultSchema) } },
  },
  webhookSecrets: {
    ...plain,
    method: 'GET',
    path: '/v1/webhook-secrets',
    summary: 'Says by which secrets receivers check the webhooks of this tenant.',
    answers: ok('Each signs; the first is the newest.', webhookSecretsResultSchema),
  },
  rotateWebhookSecret: {
    ...plain,
    method: 'POST',
    path: '/v1/webhook-secrets/rotate',
    summary: 'Gives the webhooks of this tenant another secret; that of now signs, too, for a while.',
    body: rotateWebhookSecretBodySchema,
    answers: ok('Each signs; the first is the newest.', webhookSecretsResultSchema),
  },
  getOpenApi: {
    ...plain,
    method: 'GET',
    path: '/v1/openapi.json',
    isPublic: true,
    summary: 'Gives this document.',
    answers: ok('OpenAPI 3.1.', z.record(z.string(), z.unknown())),
  },
  getDocs: { ...publicPage, path: '/v1/docs', summary: 'Shows this document as a page.' },
  getSdkDocs: { ...publicPage, path: '/v1/docs/sdk', summary: 'Shows what the SDK exports, as a page.' },
} as const satisfies Record<string, HttpOperation>;

export type HttpOperationName = keyof typeof httpOperations;

type Operation<N extends HttpOperationName> = (typeof httpOperations)[N];
type BodyOf<O> = O extends { body: z.ZodType } ? z.infer<O['body']> : undefined;

/** A request, checked: what stood in its path, its query and its headers, and its body. */
export type HttpInput<N extends HttpOperationName> = z.infer<Operation<N>['inPath']> &
  z.infer<Operation<N>['inQuery']> &
  z.infer<Operation<N>['inHeaders']> & { body: BodyOf<Operation<N>> };

function control(word: 'cancel' | 'pause' | 'resume', summary: string) {
  return {
    ...ofJob,
    method: 'POST',
    path: `/v1/jobs/{jobId}/${word}`,
    summary,
    body: noBody,
    answers: ok('`accepted` is false when the job had ended; then `status` says how.', controlResultSchema),
  } as const;
}
