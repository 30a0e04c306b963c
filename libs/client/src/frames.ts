/**
 * Reads what the gateway sends. Control messages are checked against their shapes; of an event only the head is,
 * because events are the hot path. Unknown notifications and event types pass: a newer gateway may send them.
 */
import { type JobEvent, type Notices, noticeShapes } from '@cc-executor/protocol/plain';
import { asRecord } from './errors.ts';
import { findFault, isEvent } from './shape-check.ts';

export type ServerFrame =
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number | undefined; error: unknown }
  | { kind: 'events'; events: JobEvent[] }
  | { kind: 'connected'; params: Notices['connected'] }
  | { kind: 'snapshot'; params: Notices['snapshot'] }
  | { kind: 'heartbeat'; params: Notices['heartbeat'] }
  | { kind: 'job_lost'; params: Notices['job_lost'] }
  | { kind: 'degraded'; params: Notices['degraded'] }
  | { kind: 'restored'; params: Notices['restored'] }
  | { kind: 'goaway'; params: Notices['goaway'] }
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
    return isEvent(params)
      ? { kind: 'events', events: [params as JobEvent] }
      : violation('an event without its head');
  }
  if (method === 'events') {
    return findFault(BATCH, params) === undefined
      ? { kind: 'events', events: eventsOf(params as Batch) }
      : violation('events without their head');
  }
  if (isControl(method)) {
    const fault = findFault(noticeShapes[method], params);
    if (fault !== undefined) return violation(`a '${method}' that does not fit its schema (${fault})`);
    return { kind: method, params } as ServerFrame;
  }
  return { kind: 'unknown' };
}

function isControl(method: string): method is keyof Notices {
  return Object.hasOwn(noticeShapes, method);
}

type Batch = {
  jobId: string;
  epoch: string;
  attempt: number;
  time: number;
  firstSeq: number;
  events: object[];
};

const BATCH = {
  jobId: 'string',
  epoch: 'string',
  firstSeq: 'positive',
  events: [{ type: 'string' }],
} as const;

/** Each with the head that they have in common. */
function eventsOf({ jobId, epoch, firstSeq, attempt, time, events }: Batch): JobEvent[] {
  return events.map((body, i) => ({ jobId, epoch, seq: firstSeq + i, attempt, time, ...body }) as JobEvent);
}

function violation(what: string): ServerFrame {
  return { kind: 'violation', message: `The gateway sent ${what}.` };
}
