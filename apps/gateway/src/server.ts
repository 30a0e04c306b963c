/** The gateway's server: what it answers over HTTP, and the doors that take over its sockets. */
import { createServer } from 'node:http';
import type { JobFeed, JobLog } from '@cc-executor/job-log';
import { type Health, type Logger, listen } from '@cc-executor/runtime';
import type { AbandonWatch } from './chores/abandon-watch.ts';
import { createWebSocketDoors } from './doors/upgrade.ts';
import { createAttachments } from './listening/attachments.ts';
import { createHeartbeats } from './listening/heartbeats.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Accept } from './operations/accept.ts';
import type { Verify } from './operations/verify.ts';
import type { Services } from './services.ts';

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

/** Listens. Errors: those of `listen`, in plain words. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, feed, abandonWatch, accept, verify, health, services, metrics, logger } = options;
  const { heartbeatMs } = options;
  let draining: Promise<void> | undefined;
  const heartbeats = createHeartbeats({ log, intervalMs: heartbeatMs, metrics, logger });
  const offRestored = feed.onRestored(heartbeats.checkAll);
  metrics.watchAttachments(heartbeats.countAttachments);
  const doors = createWebSocketDoors({
    ...options,
    heartbeats,
    context: {
      log,
      accept,
      verify,
      logger,
      heartbeatMs,
      metrics,
      createAttachments: (sink) => createAttachments({ log, feed, abandonWatch, logger }, sink),
      isDraining: () => draining !== undefined,
    },
  });

  const server = createServer((request, response) => {
    if ([health, services, metrics].some((door) => door.handle(request, response))) return;
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end('WebSocket at /ws (cc-executor.v1) and /ws/mcp; GET /health, /ready and /services.\n');
  });
  server.on('upgrade', doors.upgrade);

  async function drain(): Promise<void> {
    health.setDraining();
    await doors.close();
    heartbeats.close();
    abandonWatch.close();
    offRestored();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  const port = await listen(server, { host: options.host, port: options.port, portVariable: 'GATEWAY_PORT' });
  logger.info({ host: options.host, port }, 'gateway listens');
  return {
    port,
    connections: doors.connections,
    close() {
      draining ??= drain();
      return draining;
    },
  };
}
