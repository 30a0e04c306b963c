/**
 * What the WebSocket doors share of a socket: frames in, pings, limits, closing. A client that sends faster than it is
 * answered is paused; one that does not read, or does not answer pings, is closed with a code that says to come back.
 * Whatever is thrown for a connection, in here or in its door, closes that connection and reaches nobody else.
 */
import type { Duplex } from 'node:stream';
import {
  type CloseReason,
  closeCodes,
  createConnectionId,
  MAX_FRAME_BYTES,
  ProtocolError,
  readFrameId,
} from '@cc-executor/protocol';
import { logEvents } from '@cc-executor/runtime';
import type { RawData, WebSocket } from 'ws';
import type { Beating } from '../listening/heartbeats.ts';
import type { Door, DoorContext } from './door.ts';
import { createOutbox } from './outbox.ts';

/** Requests of one connection that may be under way at once. */
const MAX_PENDING = 64;
const MAX_MALFORMED = 20;
/** Beats without a pong after which the client counts as gone. */
const MAX_SILENT_BEATS = 2;
/** In so many bytes at the beginning of a frame that is refused unread its id is looked for. */
const HEAD_BYTES = 4_096;
/** How long a client that does not keep up may take to read its close frame. */
const FAREWELL_MS = 1_000;

/** What a door is given besides its connection. The logger becomes one that names the connection. */
export type SocketContext = Omit<DoorContext, 'connectionId' | 'outbox' | 'close'>;

export type Connection = Beating & {
  goAway(reason: string, reconnectAfterMs: number): void;
  close(reason: CloseReason): void;
  /** Ends the socket without a farewell. */
  terminate(): void;
};

/** Runs a door on a socket until that closes; `onClose` is called once, with why. */
export function runConnection(
  webSocket: WebSocket,
  stream: Duplex,
  openDoor: (context: DoorContext) => Door,
  context: SocketContext,
  onClose: (reason: CloseReason | 'client') => void,
): Connection {
  const connectionId = createConnectionId();
  const logger = context.logger.child({ connectionId });
  let pending = 0;
  let malformed = 0;
  let silentBeats = 0;
  let closedFor: CloseReason | undefined;

  const outbox = createOutbox(webSocket, stream, () => resume());
  const door = openDoor({ ...context, connectionId, outbox, logger, close, openSession });
  const resume = guard(door.resume);

  /** The door is called with events from outside of its connection, too: by a feed that serves others as well. */
  function openSession(...[client, sink]: Parameters<DoorContext['openSession']>) {
    return context.openSession(client, { ...sink, events: guard(sink.events), lost: guard(sink.lost) });
  }

  function guard<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args);
      } catch (err) {
        fail(err);
      }
    };
  }

  function fail(err: unknown): void {
    if (closedFor === undefined)
      logger.error({ event: logEvents.fault, err }, 'a fault of ours ends a connection');
    dismiss('internal');
  }

  function close(reason: CloseReason): void {
    closedFor ??= reason;
    webSocket.close(closeCodes[reason].code, reason);
  }

  /** Closes on a client that may not read it. */
  function dismiss(reason: CloseReason): void {
    if (webSocket.readyState !== webSocket.OPEN) return;
    logger.info({ reason }, 'closing a connection');
    close(reason);
    setTimeout(() => webSocket.terminate(), FAREWELL_MS).unref();
  }

  async function receive(data: RawData, isBinary: boolean): Promise<void> {
    const bytes = data as Buffer;
    const refusal = refuse(bytes, isBinary);
    let outcome: 'taken' | 'malformed' = 'malformed';
    if (refusal) door.refuse(refusal, readFrameId(bytes.toString('utf8', 0, HEAD_BYTES)));
    else {
      pending += 1;
      if (pending >= MAX_PENDING) webSocket.pause();
      outcome = await door.receive(bytes.toString('utf8'));
      pending -= 1;
      if (webSocket.isPaused && webSocket.readyState === webSocket.OPEN) webSocket.resume();
      if (outbox.isOverflowing()) dismiss('slow_consumer');
    }
    if (outcome === 'malformed') malformed += 1;
    if (malformed >= MAX_MALFORMED) close('protocol_violation');
  }

  webSocket.on('message', (data, isBinary) => void receive(data, isBinary).catch(fail));
  webSocket.on('pong', () => {
    silentBeats = 0;
  });
  // A broken connection and an oversized message end in 'close', which follows.
  webSocket.on('error', (err) => logger.debug({ err }, 'socket error'));
  webSocket.on('close', (code) => {
    logger.debug({ code }, 'connection closed');
    guard(door.close)();
    onClose(closedFor ?? 'client');
  });
  logger.debug('connection opened');

  return {
    tenant: door.tenant,
    attachments: door.attachments,
    beat: guard((positions) => {
      if (webSocket.readyState !== webSocket.OPEN) return;
      if (outbox.isOverflowing()) return dismiss('slow_consumer');
      if (silentBeats > MAX_SILENT_BEATS) return dismiss('heartbeat_missed');
      silentBeats += 1;
      webSocket.ping();
      door.beat(positions);
    }),
    setDegraded: guard(door.setDegraded),
    goAway: guard(door.goAway),
    close,
    terminate: () => webSocket.terminate(),
  };
}

function refuse(bytes: Buffer, isBinary: boolean): ProtocolError | undefined {
  if (isBinary) return new ProtocolError('invalid_request', 'Binary frames are not supported: send text.');
  if (bytes.length <= MAX_FRAME_BYTES) return undefined;
  return new ProtocolError(
    'invalid_request',
    `The frame has ${bytes.length} bytes; at most ${MAX_FRAME_BYTES} are allowed.`,
  );
}
