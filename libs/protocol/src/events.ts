/**
 * The events of a job's log, derived from their table. Every event has the head (`jobId`, `epoch`, `seq`, `attempt`,
 * `time`) that Redis gives it in the step that appends it; the body is written once, by whoever appends.
 * Invariant: one terminal event per log, and it is the last.
 */
import { z } from 'zod';
import type { DialectStatus } from './dialect.ts';
import {
  type backgroundTaskSchema,
  type digestSchema,
  endings,
  passingEvents,
  summaryFields,
} from './event-table.ts';
import { jobIdSchema } from './ids.ts';
import { type TerminalType, terminalTypes } from './statuses.ts';

const head = {
  jobId: jobIdSchema,
  epoch: z.string(),
  seq: z.number().int().positive(),
  attempt: z.number().int().nonnegative(),
  time: z.number().int(),
};

type Passing = typeof passingEvents;
type Endings = typeof endings;

export type EventType = keyof Passing | TerminalType;

type FieldsOf<T extends EventType> = { type: z.ZodLiteral<T> } & (T extends TerminalType
  ? Endings[T]['fields'] & typeof summaryFields
  : T extends keyof Passing
    ? Passing[T]['fields']
    : never);
type Bodies = { [T in EventType]: z.input<z.ZodObject<FieldsOf<T>>> };
type Events = { [T in EventType]: z.output<z.ZodObject<FieldsOf<T> & typeof head>> };

/** An event as it is read. */
export type JobEvent = Events[EventType];
/** An event as it is written, before Redis gives it its head. */
export type EventBody = Bodies[EventType];
export type TerminalEvent = Events[TerminalType];
export type TerminalBody = Bodies[TerminalType];
export type BackgroundTask = z.infer<typeof backgroundTaskSchema>;

export type RunSummary = z.input<z.ZodObject<typeof summaryFields>>;
export type Digest = z.infer<typeof digestSchema>;

const passingTypes = Object.keys(passingEvents) as readonly (keyof Passing)[];
const outputTypes = new Set<EventType>(passingTypes.filter((type) => 'carriesOutput' in passingEvents[type]));

/** The schema of each event, by its type. */
export const eventSchemas = Object.fromEntries([
  ...passingTypes.map((type) => [type, schemaOf(type, passingEvents[type].fields)]),
  ...terminalTypes.map((type) => [type, schemaOf(type, { ...endings[type].fields, ...summaryFields })]),
]) as Record<EventType, z.ZodObject>;

export const eventSchema = z.discriminatedUnion(
  'type',
  Object.values(eventSchemas) as [z.ZodObject, ...z.ZodObject[]],
) as unknown as z.ZodType<JobEvent>;

const { seq: firstSeq, ...shared } = head;

/** Events that were appended in one step: their bodies, and once what their heads have in common. */
export const eventBatchSchema = z.object({
  ...shared,
  /** Of the first; the others count on. */
  firstSeq,
  events: z.array(z.looseObject({ type: z.string() })).min(1),
});

function schemaOf(type: EventType, fields: z.ZodRawShape): z.ZodObject {
  return z.object({ type: z.literal(type), ...fields, ...head });
}

/** Whether this event is output of Claude Code: after it, an attempt cannot be repeated unnoticed. */
export function carriesOutput({ type }: Pick<EventBody, 'type'>): boolean {
  return outputTypes.has(type);
}

/** What the prototype's dialect calls this ending. */
export function dialectStatusOf(type: TerminalType): DialectStatus {
  return endings[type].dialectStatus;
}

/** Only what of this is summary, and known. */
export function summaryOf(ending: RunSummary): RunSummary {
  const names = Object.keys(summaryFields) as (keyof RunSummary)[];
  return Object.fromEntries(
    names.flatMap((name) => (ending[name] === undefined ? [] : [[name, ending[name]]])),
  );
}
