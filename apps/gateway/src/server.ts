/** The gateway's server: what it answers over HTTP, and the doors that take over its sockets. */
import { createFailedLogins } from '@cc-executor/identity';
import type { JobBatches, JobFeed, ReadLog, WishLog } from '@cc-executor/job-log';
import type { RoomWatch } from '@cc-executor/redis';
import { type Logger, logEvents } from '@cc-executor/runtime';
import {
  createForeignCheck,
  createHttpServer,
  type Health,
  listenHttp,
  sendJson,
} from '@cc-executor/service';
import type { AbandonWatch } from './chores/abandon-watch.ts';
import { createHttpDoor } from './doors/http/door.ts';
import { createMemoryBudget } from './doors/memory-budget.ts';
import { createRounds } from './doors/rounds.ts';
import { createTurns } from './doors/turns.ts';
import { createWebSocketDoors } from './doors/upgrade.ts';
import { createAdmissions } from './identity/admissions.ts';
import type { Authenticator } from './identity/authenticator.ts';
import { createEntrance } from './identity/entrance.ts';
import { createSourceOf } from './identity/source.ts';
import type { Tickets } from './identity/tickets.ts';
import { createDeliveryLag } from './listening/delivery-lag.ts';
import { createHeartbeats } from './listening/heartbeats.ts';
import type { ListenerNotes } from './listening/listener-notes.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Files } from './operations/files.ts';
import type { Operations } from './operations/operation.ts';
import type { CeilingsFor } from './operations/own-ceilings.ts';
import { createSessionFor } from './operations/reach.ts';
import { createRequests } from './operations/requests.ts';
import { createSessions } from './operations/session.ts';
import { createSubmitBatch } from './operations/submit-batch.ts';
import type { WebhookSecrets } from './operations/webhook-secrets.ts';
import type { Crowd } from './quotas/crowd.ts';
import type { Services } from './services.ts';

/** How often it is looked who may stay, in ms. */
const ADMISSION_LOOK_MS = 1_000;

export type GatewayOptions = {
  host: string;
  port: number;
  heartbeatMs: number;
  drainGraceMs: number;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  trustedProxies: readonly string[];
  /** Told to every native client. */
  ceilingsFor: CeilingsFor;
  /** What all connections together may hold in memory, in bytes. */
  memoryBudgetBytes: number;
  readLog: ReadLog;
  feed: JobFeed;
  wishLog: WishLog;
  jobBatches: JobBatches;
  /** Closed with the gateway. */
  listenerNotes: ListenerNotes;
  /** Closed with the gateway. */
  abandonWatch: AbandonWatch;
  roomWatch: RoomWatch;
  /** How far Redis's clock is ahead of ours, in ms; undefined where that cannot be known. */
  measureClock(): Promise<number | undefined>;
  operations: Operations;
  files: Files;
  crowd: Crowd;
  authenticator: Authenticator;
  tickets: Tickets;
  webhookSecrets: Pick<WebhookSecrets, 'shown' | 'redraw'>;
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

/** Listens. Errors: those of `listenHttp`, in plain words. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const {
    readLog,
    feed,
    abandonWatch,
    listenerNotes,
    roomWatch,
    health,
    services,
    metrics,
    logger,
    heartbeatMs,
  } = options;
  let draining: Promise<void> | undefined;
  const heartbeats = createHeartbeats({ readLog, intervalMs: heartbeatMs, metrics, logger });
  const offRestored = feed.onRestored(heartbeats.checkAll);
  const offRoom = roomWatch.onChange(heartbeats.setRoom);
  heartbeats.setRoom(roomWatch.room());
  metrics.watchAttachments(heartbeats.countAttachments);
  const memory = createMemoryBudget(options.memoryBudgetBytes);
  metrics.watchMemory(memory);
  const { authenticator } = options;
  const enter = createEntrance({
    ...{ authenticator, failedLogins: createFailedLogins(), failedKeys: createFailedLogins(), logger },
    sourceOf: createSourceOf(options.trustedProxies),
  });
  const admissions = createAdmissions({ authenticator, everyMs: ADMISSION_LOOK_MS });
  const own = {
    allowedHosts: [options.host, ...options.allowedHosts],
    allowedOrigins: options.allowedOrigins,
  };
  const turns = createTurns();
  const requests = createRequests({
    ...options,
    slowDown: (tenant) => turns.of(tenant).hold(),
    sessionFor: createSessionFor(options),
    isDraining: () => draining !== undefined,
  });
  const context = {
    openSessionAs: createSessions({
      ...{ readLog, feed, abandonWatch, listenerNotes, crowd: options.crowd },
      deliveryLag: createDeliveryLag({ ...options, metrics: metrics.all, lag: metrics.deliveryLag }),
      readSoon: heartbeats.readSoon,
    }),
    requests,
    logger,
    memory,
    turns,
    rounds: createRounds(),
  };
  const webSockets = createWebSocketDoors({
    ...options,
    refuseForeign: createForeignCheck(own),
    enter,
    admissions,
    heartbeats,
    context: { ...context, heartbeatMs, ceilingsFor: options.ceilingsFor },
  });
  const httpDoor = createHttpDoor({
    ...options,
    ...context,
    enter,
    admissions,
    submitBatch: createSubmitBatch({ ...options, requests }),
    heartbeats,
  });

  const http = createHttpServer({
    ...own,
    health,
    metrics: metrics.all,
    logger,
    describeMissing: () =>
      'WebSocket at /ws (cc-executor.v1) and /ws/mcp; HTTP at /v1; GET /health, /ready and /services.\n',
    refuse: httpDoor.refuse,
  });
  http.get('/services', async (_request, reply) => sendJson(reply, { body: await services() }));
  httpDoor.addTo(http);
  http.server.on('upgrade', webSockets.upgrade);

  async function drain(): Promise<void> {
    health.setDraining();
    await Promise.all([webSockets.close(), httpDoor.close()]);
    admissions.close();
    heartbeats.close();
    abandonWatch.close();
    await listenerNotes.close();
    offRestored();
    offRoom();
    await http.close();
  }

  const { host } = options;
  const port = await listenHttp(http, { host, port: options.port, portVariable: 'GATEWAY_PORT' });
  logger.info({ event: logEvents.ready, host, port }, 'gateway listens');
  return {
    port,
    connections: () => webSockets.connections() + httpDoor.exchanges(),
    close() {
      draining ??= drain();
      return draining;
    },
  };
}
