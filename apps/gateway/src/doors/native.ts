/**
 * One native connection (`/ws`): takes requests, has each done by its operation, answers it once, and forwards the
 * events of attached jobs.
 *
 * Order: the answer to a request goes out before the events that it causes. Everything a client sends is checked in
 * `parseRequest`; behind it, types hold.
 */
import {
  errorFrame,
  MAX_ATTACHMENTS,
  MAX_FRAME_BYTES,
  type Notification,
  type NotificationMethod,
  notificationFrame,
  PROTOCOL_VERSION,
  ProtocolError,
  parseRequest,
  resultFrame,
} from '@cc-executor/protocol';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Session } from '../operations/session.ts';
import { createBatch } from './batch.ts';
import type { Door, DoorContext } from './door.ts';
import type { EventFrames } from './event-frames.ts';
import { textFrame } from './text-frame.ts';

/** Most connections listen to nothing: this is made once for all of them. */
const IDLE_HEARTBEAT = createBatch([textFrame(notificationFrame('heartbeat', { jobs: [] }))]);

/** Opens the native protocol on a connection. */
export function openNativeDoor(context: DoorContext, framesOf: EventFrames): Door {
  const { outbox, requests, logger } = context;
  /** Opened by the first request: most connections of a crowd ask for nothing, and it takes a fifth of a connection's memory. */
  let session: Session | undefined;

  function openSession(): Session {
    return context.openSession(
      { door: 'native', canReturn: true, logger },
      {
        events(batch, isTogether) {
          if (isTogether) outbox.sendPatiently(framesOf(batch, isTogether));
          else outbox.send(framesOf(batch, isTogether));
        },
        snapshot: (page) => notify('snapshot', page),
        lost: (jobId, lastSeq, reason) => notify('job_lost', { jobId, lastSeq, reason }),
        hasRoom: outbox.hasRoom,
        pageBytes: outbox.roomBytes,
      },
    );
  }

  const attachments = () => session?.attachments.all() ?? [];

  function notify<M extends NotificationMethod>(method: M, params: Notification<M>): void {
    outbox.send(notificationFrame(method, params));
  }

  async function receive(text: string): Promise<'taken' | 'malformed'> {
    const parsed = parseRequest(text);
    if (!parsed.ok) {
      const { error, id } = parsed.rejection;
      requests.countRefusal({ door: 'native', identity: context.identity }, error);
      // What cannot be read may have been a request: it is answered. A notification's faults are its own.
      if (id !== undefined) outbox.send(errorFrame(id, error));
      return error.code === 'parse_error' || error.code === 'invalid_request' ? 'malformed' : 'taken';
    }
    const { id } = parsed.request;
    session ??= openSession();
    try {
      const { result, begin, mustReturn } = await requests.perform(session, parsed.request);
      if (id !== undefined) outbox.send(resultFrame(id, result));
      begin?.();
      if (mustReturn) context.close('internal');
    } catch (error) {
      // Nobody is there to be answered.
      if (error instanceof ConnectionClosedError) return 'taken';
      if (!(error instanceof ProtocolError)) throw error;
      if (id !== undefined) outbox.send(errorFrame(id, error));
    }
    return 'taken';
  }

  notify('connected', {
    connectionId: context.connectionId,
    version: PROTOCOL_VERSION,
    heartbeatMs: context.heartbeatMs,
    limits: {
      maxFrameBytes: MAX_FRAME_BYTES,
      maxAttachments: MAX_ATTACHMENTS,
      ceilings: context.ceilingsFor(context.identity),
    },
  });

  return {
    receive,
    refuse: (error, id) => outbox.send(errorFrame(id, error)),
    attachments,
    beat(positions) {
      const jobs = [...attachments()].flatMap(({ jobId }) => {
        const position = positions.get(jobId);
        return position ? [{ jobId, seq: position.lastSeq, status: position.status }] : [];
      });
      if (jobs.length === 0) outbox.send(IDLE_HEARTBEAT);
      else notify('heartbeat', { jobs });
    },
    setDegraded: (reason) => (reason === undefined ? notify('restored', {}) : notify('degraded', { reason })),
    goAway: (reason, reconnectAfterMs) => notify('goaway', { reason, reconnectAfterMs }),
    resume: () => session?.attachments.resume(),
    close: () => session?.attachments.close(),
  };
}
