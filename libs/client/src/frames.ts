/**
 * Reads what the gateway sends. Control messages are checked against the schema; of an event only the head is,
 * because events are the hot path. Unknown notifications and event types pass: a newer gateway may send them.
 */
import {
  type JobEvent,
  type Notification,
  type NotificationMethod,
  notificationSchemas,
} from '@cc-executor/protocol';
import { asRecord } from './errors.ts';

export type ServerFrame =
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number | undefined; error: unknown }
  | { kind: 'events'; events: JobEvent[] }
  | { kind: 'connected'; params: Notification<'connected'> }
  | { kind: 'heartbeat'; params: Notification<'heartbeat'> }
  | { kind: 'job_lost'; params: Notification<'job_lost'> }
  | { kind: 'degraded'; params: Notification<'degraded'> }
  | { kind: 'restored'; params: Notification<'restored'> }
  | { kind: 'goaway'; params: Notification<'goaway'> }
  | { kind: 'unknown' }
  | { kind: 'violation'; message: string };

/** Reads one frame; never throws. */
export function readServerFrame(data: unknown): ServerFrame {
  if (typeof data !== 'string') return violation('a binary frame');
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return violation('a frame that is not JSON');
  }
  const frame = asRecord(value);
  if (typeof frame.method === 'string') return readNotification(frame.method, frame.params);
  const id = typeof frame.id === 'number' ? frame.id : undefined;
  if ('error' in frame) return { kind: 'error', id, error: frame.error };
  if ('result' in frame && id !== undefined) return { kind: 'result', id, result: frame.result };
  return violation('a frame that is neither a response nor a notification');
}

function readNotification(method: string, params: unknown): ServerFrame {
  if (method === 'event') {
    const isEvent = hasHead(params, 'seq') && typeof params.type === 'string';
    return isEvent
      ? { kind: 'events', events: [params as JobEvent] }
      : violation('an event without its head');
  }
  if (method === 'events') {
    const isBatch =
      hasHead(params, 'firstSeq') && Array.isArray(params.events) && params.events.every(isBody);
    return isBatch ? { kind: 'events', events: eventsOf(params) } : violation('events without their head');
  }
  if (isControl(method)) {
    const parsed = notificationSchemas[method].safeParse(params);
    if (!parsed.success) return violation(`a '${method}' that does not fit its schema`);
    return { kind: method, params: parsed.data } as ServerFrame;
  }
  return { kind: 'unknown' };
}

function isControl(method: string): method is Exclude<NotificationMethod, 'event' | 'events'> {
  return Object.hasOwn(notificationSchemas, method);
}

function hasHead(params: unknown, seqName: 'seq' | 'firstSeq'): params is Record<string, unknown> {
  const { jobId, epoch, [seqName]: seq } = asRecord(params);
  const isPlaced = Number.isSafeInteger(seq) && (seq as number) > 0;
  return typeof jobId === 'string' && typeof epoch === 'string' && isPlaced;
}

function isBody(body: unknown): boolean {
  return typeof asRecord(body).type === 'string';
}

/** Each with the head that they have in common. */
function eventsOf(params: Record<string, unknown>): JobEvent[] {
  const { jobId, epoch, firstSeq, attempt, time, events } = params as Notification<'events'>;
  return events.map((body, i) => ({ jobId, epoch, seq: firstSeq + i, attempt, time, ...body }) as JobEvent);
}

function violation(what: string): ServerFrame {
  return { kind: 'violation', message: `The gateway sent ${what}.` };
}
