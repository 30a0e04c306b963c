/**
 * The events of a job's log. Every event has the head (`jobId`, `epoch`, `seq`, `attempt`, `time`) that Redis
 * gives it in the step that appends it; the body is written once, by whoever appends.
 * Invariant: one terminal event per log, and it is the last.
 */
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';

const head = {
  jobId: jobIdSchema,
  epoch: z.string(),
  seq: z.number().int().positive(),
  attempt: z.number().int().nonnegative(),
  time: z.number().int(),
};

/** SHA-256 (hexadecimal) and length in bytes of the answer's text, as UTF-8, after resets. */
export const digestSchema = z.object({ bytes: z.number().int().nonnegative(), sha256: z.string() });

/** What is known of the run when it ends, however it ends. */
const summary = {
  usage: z.record(z.string(), z.unknown()).optional(),
  costUsd: z.number().optional(),
  durationMs: z.number().optional(),
  turns: z.number().int().optional(),
  conversation: z.string().optional(),
  digest: digestSchema.optional(),
  /** What claude-api knows the last call by: its transcript can be asked for. */
  executionId: z.string().optional(),
};

export const timeoutLimits = ['queue', 'firstOutput', 'idle', 'total', 'paused'] as const;

const bodies = {
  queued: z.object({ type: z.literal('queued') }),
  started: z.object({
    type: z.literal('started'),
    /** `demo` means: no Claude ran; the answer is made up by the demo engine. */
    engine: z.string().optional(),
    model: z.string().optional(),
  }),
  output: z.object({
    type: z.literal('output'),
    text: z.string(),
    /** This piece begins a new text block of the answer. */
    begin: z.literal(true).optional(),
  }),
  message: z.object({ type: z.literal('message'), message: z.record(z.string(), z.unknown()) }),
  throttled: z.object({
    type: z.literal('throttled'),
    /** Unix time in milliseconds of the next try. */
    untilMs: z.number().int(),
    reason: z.string(),
  }),
  reset: z.object({
    type: z.literal('reset'),
    discardFromSeq: z.number().int().positive(),
    reason: z.string(),
  }),
  paused: z.object({
    type: z.literal('paused'),
    /** How long it may stay paused. */
    limitMs: z.number().int().positive(),
  }),
  resumed: z.object({
    type: z.literal('resumed'),
    /** How long it was paused. */
    pausedMs: z.number().int().nonnegative(),
  }),
  pause_refused: z.object({
    type: z.literal('pause_refused'),
    /** What could not be done: the job is as it was before it was asked for. */
    request: z.enum(['pause', 'resume']),
    reason: z.string(),
  }),
  completed: z.object({
    type: z.literal('completed'),
    /** The last text block: Claude's answer. Left out when it is very long; the output events carry it. */
    text: z.string().optional(),
    evidence: z.enum(['complete-line', 'result-line', 'clean-eof']),
    ...summary,
  }),
  failed: z.object({
    type: z.literal('failed'),
    error: z.object({
      code: z.string(),
      message: z.string(),
      /** Executing the same again can do no work twice: this time, nothing had begun. */
      retrySafe: z.boolean(),
    }),
    /** Output stands in the log. */
    partial: z.boolean(),
    ...summary,
  }),
  cancelled: z.object({
    type: z.literal('cancelled'),
    by: z.enum(['client', 'disconnect', 'operator']),
    partial: z.boolean(),
    ...summary,
  }),
  timed_out: z.object({
    type: z.literal('timed_out'),
    limit: z.enum(timeoutLimits),
    partial: z.boolean(),
    ...summary,
  }),
} as const;

export const eventSchemas = {
  queued: bodies.queued.extend(head),
  started: bodies.started.extend(head),
  output: bodies.output.extend(head),
  message: bodies.message.extend(head),
  throttled: bodies.throttled.extend(head),
  reset: bodies.reset.extend(head),
  paused: bodies.paused.extend(head),
  resumed: bodies.resumed.extend(head),
  pause_refused: bodies.pause_refused.extend(head),
  completed: bodies.completed.extend(head),
  failed: bodies.failed.extend(head),
  cancelled: bodies.cancelled.extend(head),
  timed_out: bodies.timed_out.extend(head),
} as const;

export const eventSchema = z.discriminatedUnion('type', [
  eventSchemas.queued,
  eventSchemas.started,
  eventSchemas.output,
  eventSchemas.message,
  eventSchemas.throttled,
  eventSchemas.reset,
  eventSchemas.paused,
  eventSchemas.resumed,
  eventSchemas.pause_refused,
  eventSchemas.completed,
  eventSchemas.failed,
  eventSchemas.cancelled,
  eventSchemas.timed_out,
]);

export type EventType = keyof typeof bodies;
export type JobEvent = z.infer<typeof eventSchema>;
/** An event before Redis gives it its head. */
export type EventBody = { [T in EventType]: z.infer<(typeof bodies)[T]> }[EventType];
export type TerminalEvent = Extract<JobEvent, { type: 'completed' | 'failed' | 'cancelled' | 'timed_out' }>;
export type TerminalBody = Extract<EventBody, { type: 'completed' | 'failed' | 'cancelled' | 'timed_out' }>;
export type Digest = z.infer<typeof digestSchema>;
export type TimeoutLimit = (typeof timeoutLimits)[number];

/** Whether this event ends its job. */
export function isTerminalEvent(event: JobEvent): event is TerminalEvent {
  return (
    event.type === 'completed' ||
    event.type === 'failed' ||
    event.type === 'cancelled' ||
    event.type === 'timed_out'
  );
}
