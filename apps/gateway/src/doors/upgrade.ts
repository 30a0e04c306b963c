/**
 * The WebSocket doors: which path leads to which, who may come in, and how all leave when the gateway drains.
 * Whoever is in belongs to the heartbeats until the socket has closed.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Identity } from '@cc-executor/identity';
import { MAX_FRAME_BYTES, ProtocolError, SUBPROTOCOL } from '@cc-executor/protocol';
import { type Logger, logEvents, within } from '@cc-executor/runtime';
import { type ForeignCheck, http } from '@cc-executor/service';
import { WebSocketServer } from 'ws';
import type { Admissions } from '../identity/admissions.ts';
import type { Entrance } from '../identity/entrance.ts';
import type { Heartbeats } from '../listening/heartbeats.ts';
import type { DoorName, GatewayMetrics } from '../metrics.ts';
import type { OpenSessionAs } from '../operations/session.ts';
import { openDialectDoor } from './dialect.ts';
import type { Door, DoorContext } from './door.ts';
import { errorAnswer } from './error-answer.ts';
import { createEventFrames } from './event-frames.ts';
import { openNativeDoor } from './native.ts';
import { type Connection, runConnection, type SocketContext } from './socket.ts';
import type { Turns } from './turns.ts';

const CLOSING = '503 Service Unavailable';
/** Fragments that a message may come in: each is an object, however short it is. */
const MAX_FRAGMENTS = 512;

export type WebSocketDoors = {
  /** Answers an upgrade request: with a connection, or by hanging up. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void;
  connections(): number;
  /** Refuses upgrades from now on, sends `goaway`, gives clients the grace to leave, closes the rest. Called once. */
  close(): Promise<void>;
};

export type WebSocketDoorsOptions = {
  /** Says why a page may not come in. */
  refuseForeign: ForeignCheck;
  /** Says who comes in. */
  enter: Entrance;
  admissions: Admissions;
  /** How long clients have to leave after `goaway`, in ms. */
  drainGraceMs: number;
  heartbeats: Heartbeats;
  metrics: Pick<GatewayMetrics, 'connections' | 'connectionsOpened' | 'connectionsClosed'>;
  logger: Logger;
  /** What every connection is given. */
  context: Omit<SocketContext, 'identity' | 'openSession' | 'turns'> & {
    openSessionAs: OpenSessionAs;
    turns: Turns;
  };
};

type DoorPlan = {
  name: DoorName;
  open: (context: DoorContext) => Door;
  subprotocol: string | undefined;
};

export function createWebSocketDoors(options: WebSocketDoorsOptions): WebSocketDoors {
  const { heartbeats, metrics, logger, context, enter, admissions } = options;
  const framesOf = createEventFrames();
  const doors = new Map<string, DoorPlan>([
    ['/ws', { name: 'native', open: (given) => openNativeDoor(given, framesOf), subprotocol: SUBPROTOCOL }],
    ['/ws/mcp', { name: 'dialect', open: openDialectDoor, subprotocol: undefined }],
  ]);
  const connections = new Set<Connection>();
  /** One for all connections of a key: each connection has but its own id to add. */
  const loggers = new WeakMap<Identity, Logger>();
  let isClosing = false;
  let onEmpty: (() => void) | undefined;

  // One level of compression more is one level of buffering more: off. The limit above the announced one lets us
  // answer a frame that is too large instead of hanging up.
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 2 * MAX_FRAME_BYTES,
    maxFragments: MAX_FRAGMENTS,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  async function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    // Not parsed as a URL: what a client sends need not be one.
    const path = request.url?.split('?', 1)[0] ?? '/';
    const door = doors.get(path);
    const refusal = refuse(request, door);
    if (!door || refusal) return hangUp(path, stream, refusal ?? '');
    const forget = () => stream.destroy();
    stream.on('error', forget);
    const identity = await enter(request, door.name).catch((error: unknown) => asRefusal(error));
    if (identity instanceof ProtocolError) return turnAway(path, stream, identity);
    // The drain may have begun meanwhile.
    if (isClosing) return hangUp(path, stream, CLOSING);
    stream.off('error', forget);
    const own = {
      ...context,
      identity,
      openSession: context.openSessionAs(identity),
      turns: context.turns.of(identity.tenant),
      logger: loggerFor(identity),
    };
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const connection = runConnection(webSocket, stream, door.open, own, (reason) => {
        connections.delete(connection);
        admissions.remove(connection.close);
        metrics.connections.dec({ door: door.name });
        metrics.connectionsClosed.inc({ reason });
        leave();
        if (connections.size === 0) onEmpty?.();
      });
      connections.add(connection);
      metrics.connections.inc({ door: door.name });
      metrics.connectionsOpened.inc({ door: door.name });
      const leave = heartbeats.add(connection);
      admissions.add(identity, connection.close);
    });
  }

  function loggerFor(identity: Identity): Logger {
    const { who, tenant, proof } = identity;
    if (proof.kind === 'none') return logger;
    const known = loggers.get(identity) ?? logger.child({ who, tenant });
    loggers.set(identity, known);
    return known;
  }

  function asRefusal(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    logger.error({ event: logEvents.fault, err: error }, 'a fault of ours refuses an upgrade');
    return new ProtocolError('internal');
  }

  function hangUp(path: string, stream: Duplex, refusal: string): void {
    logger.info({ path, refusal }, 'upgrade refused');
    sendLast(stream, `HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }

  /** As a request over HTTP would be. */
  function turnAway(path: string, stream: Duplex, error: ProtocolError): void {
    logger.info({ path, refusal: error.code }, 'upgrade refused');
    const { status, headers, body } = errorAnswer(error);
    const all = { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    sendLast(stream, `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  }

  function refuse(request: IncomingMessage, door: DoorPlan | undefined): string | undefined {
    if (!door) return '404 Not Found';
    if (isClosing) return CLOSING;
    if (options.refuseForeign(request.headers) !== undefined) return '403 Forbidden';
    if (door.subprotocol && !offers(request, door.subprotocol)) return '400 Bad Request';
    return undefined;
  }

  /** Waits until the last connection has closed, but no longer than `ms`. */
  async function emptied(ms: number): Promise<void> {
    if (connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    onEmpty = resolve;
    await within(promise, ms, { late: () => undefined });
  }

  return {
    upgrade: (...asked) => void upgrade(...asked),
    connections: () => connections.size,
    async close() {
      isClosing = true;
      for (const connection of connections) connection.goAway('draining', Math.floor(Math.random() * 1_000));
      await emptied(options.drainGraceMs);
      for (const connection of connections) connection.close('going_away');
      await emptied(1_000);
      for (const connection of connections) connection.terminate();
      await emptied(1_000);
      webSockets.close();
    },
  };
}

function offers(request: IncomingMessage, subprotocol: string): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim() === subprotocol);
}

/** Sends the last bytes and lets go: Node no longer looks after the socket of an upgrade request. */
function sendLast(stream: Duplex, bytes: string): void {
  stream.on('error', () => stream.destroy());
  stream.once('finish', () => stream.destroy());
  stream.end(bytes);
}
