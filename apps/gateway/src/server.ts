/** The gateway's HTTP server: health, and the two WebSocket doors. */
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JobFeed, JobLog } from '@cc-executor/job-log';
import { MAX_FRAME_BYTES, SUBPROTOCOL } from '@cc-executor/protocol';
import { type Health, type Logger, listen } from '@cc-executor/runtime';
import { WebSocketServer } from 'ws';
import type { AbandonWatch } from './abandon-watch.ts';
import type { Accept } from './accept.ts';
import { createAttachments } from './attachments.ts';
import { openNativeDoor } from './connection.ts';
import { openDialectDoor } from './dialect-connection.ts';
import type { Door, DoorContext } from './door.ts';
import { createHeartbeats } from './heartbeats.ts';
import type { DoorName, GatewayMetrics } from './metrics.ts';
import { isAllowedOrigin } from './origin.ts';
import type { Services } from './services.ts';
import { type Connection, runConnection } from './socket.ts';
import type { Verify } from './verify.ts';

export type GatewayOptions = {
  host: string;
  port: number;
  heartbeatMs: number;
  drainGraceMs: number;
  allowedOrigins: readonly string[];
  log: JobLog;
  feed: JobFeed;
  /** Closed with the gateway. */
  abandonWatch: AbandonWatch;
  accept: Accept;
  verify: Verify;
  health: Health;
  services: Services;
  metrics: GatewayMetrics;
  logger: Logger;
};

export type Gateway = {
  port: number;
  connections(): number;
  /** Sends `goaway`, gives clients the grace to leave, closes the rest. Idempotent. */
  close(): Promise<void>;
};

type DoorPlan = {
  name: DoorName;
  open: (context: DoorContext) => Door;
  subprotocol: string | undefined;
};

const doors: Record<string, DoorPlan> = {
  '/ws': { name: 'native', open: openNativeDoor, subprotocol: SUBPROTOCOL },
  '/ws/mcp': { name: 'dialect', open: openDialectDoor, subprotocol: undefined },
};

/** Listens. Errors: those of `listen`, in plain words. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, feed, abandonWatch, accept, verify, health, services, metrics, logger } = options;
  const { heartbeatMs } = options;
  const connections = new Set<Connection>();
  const heartbeats = createHeartbeats({ log, intervalMs: heartbeatMs, metrics, logger });
  const offRestored = feed.onRestored(heartbeats.checkAll);
  metrics.watchAttachments(() => {
    let count = 0;
    for (const connection of connections) for (const _ of connection.attachments()) count += 1;
    return count;
  });
  let draining: Promise<void> | undefined;
  let onEmpty: (() => void) | undefined;

  const server = createServer((request, response) => {
    if ([health, services, metrics].some((door) => door.handle(request, response))) return;
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end('WebSocket at /ws (cc-executor.v1) and /ws/mcp; GET /health, /ready and /services.\n');
  });
  // One level of compression more is one level of buffering more: off. The limit above the announced one lets us
  // answer a frame that is too large instead of hanging up.
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 4 * MAX_FRAME_BYTES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Not parsed as a URL: a client may send what is none.
    const path = request.url?.split('?', 1)[0] ?? '/';
    const door = doors[path];
    const refusal = refuse(request, door);
    if (!door || refusal) {
      logger.info({ path, refusal }, 'upgrade refused');
      hangUp(stream, `HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const connection = runConnection(
        webSocket,
        stream,
        door.open,
        {
          log,
          accept,
          verify,
          logger,
          heartbeatMs,
          metrics,
          createAttachments: (sink) => createAttachments({ log, feed, abandonWatch, logger }, sink),
          isDraining: () => draining !== undefined,
        },
        (reason) => {
          connections.delete(connection);
          metrics.connections.dec({ door: door.name });
          metrics.connectionsClosed.inc({ reason });
          leave();
          if (connections.size === 0) onEmpty?.();
        },
      );
      connections.add(connection);
      metrics.connections.inc({ door: door.name });
      metrics.connectionsOpened.inc({ door: door.name });
      const leave = heartbeats.add(connection);
    });
  });

  function refuse(request: IncomingMessage, door: DoorPlan | undefined): string | undefined {
    if (!door) return '404 Not Found';
    if (draining) return '503 Service Unavailable';
    if (!isAllowedOrigin(request.headers.origin, options.allowedOrigins)) return '403 Forbidden';
    if (door.subprotocol && !offers(request, door.subprotocol)) return '400 Bad Request';
    return undefined;
  }

  async function drain(): Promise<void> {
    health.setDraining();
    for (const connection of connections) connection.goAway('draining', Math.floor(Math.random() * 1_000));
    await emptied(options.drainGraceMs);
    for (const connection of connections) connection.close('going_away');
    await emptied(1_000);
    for (const connection of connections) connection.terminate();
    await emptied(1_000);
    heartbeats.close();
    abandonWatch.close();
    offRestored();
    webSockets.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Waits until the last connection has closed, but no longer than `ms`. */
  async function emptied(ms: number): Promise<void> {
    if (connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    onEmpty = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }

  const port = await listen(server, { host: options.host, port: options.port, portVariable: 'GATEWAY_PORT' });
  logger.info({ host: options.host, port }, 'gateway listens');
  return {
    port,
    connections: () => connections.size,
    close() {
      draining ??= drain();
      return draining;
    },
  };
}

function offers(request: IncomingMessage, subprotocol: string): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim() === subprotocol);
}

/** Sends the last bytes and lets go: Node no longer looks after the socket of an upgrade request. */
function hangUp(stream: Duplex, bytes: string): void {
  stream.on('error', () => stream.destroy());
  stream.once('finish', () => stream.destroy());
  stream.end(bytes);
}
