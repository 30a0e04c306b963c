/**
 * The dashboard's HTTP server: health, who may look, the queue board, our own pages and what they ask.
 * Pages load nothing from elsewhere.
 */
import type { Metrics } from '@cc-executor/metrics';
import { MAX_FRAME_BYTES } from '@cc-executor/protocol/plain';
import type { openQueue } from '@cc-executor/queue';
import { type Logger, logEvents } from '@cc-executor/runtime';
import { createHttpServer, type Health, listenHttp } from '@cc-executor/service';
import { mountBoard } from './board.ts';
import { type GatewayDoorOptions, openGatewayDoor } from './gateway-door.ts';
import { type EntranceOptions, openEntrance } from './identity/entrance.ts';
import { createKeyCheck } from './identity/key-check.ts';
import { createSealedSessions } from './identity/sealed-sessions.ts';
import { createSessions } from './identity/sessions.ts';
import { openSignIn } from './identity/sign-in.ts';
import { pageHeaders, servePages } from './page-files.ts';

// bull-board styles elements inline, and would fetch its fonts from a third party.
const CONTENT_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'";

export type DashboardOptions = GatewayDoorOptions &
  EntranceOptions & {
    /** How long somebody who has signed in stays so, in ms. */
    readonly sessionMs: number;
    /** With what sessions are sealed, for several dashboards; undefined: this one keeps its own. */
    readonly sessionKeys?: readonly string[] | undefined;
    readonly host: string;
    readonly port: number;
    readonly allowedHosts: readonly string[];
    readonly queue: ReturnType<typeof openQueue>;
    readonly health: Health;
    readonly metrics: Metrics;
    readonly logger: Logger;
  };

export type Dashboard = {
  readonly port: number;
  /** Idempotent. */
  close(): Promise<void>;
};

/** Listens. Errors: those of `listenHttp`, in plain words. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, queue, health, metrics, logger } = options;
  const app = createHttpServer({
    health,
    metrics,
    logger,
    allowedHosts: [host, ...options.allowedHosts],
    // What gateways take.
    bodyLimitBytes: MAX_FRAME_BYTES,
  });

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', CONTENT_POLICY);
    reply.header('x-content-type-options', 'nosniff');
  });
  const keyCheck = createKeyCheck(options);
  const { sessionKeys: secrets, sessionMs: lifeMs } = options;
  const own = createSessions({ lifeMs });
  const sessions = secrets === undefined ? own : createSealedSessions({ secrets, lifeMs, own });
  const entrance = openEntrance(app, { ...options, keyCheck, sessions });
  openSignIn(app, { entrance, keyCheck, sessions, lifeMs, pageHeaders, logger });
  servePages(app, { ...options, ...entrance });
  openGatewayDoor(app, { ...options, ...entrance });
  mountBoard(app, { queue, ...entrance });
  const port = await listenHttp(app, { host, port: options.port, portVariable: 'DASHBOARD_PORT' });
  logger.info({ event: logEvents.ready, host, port }, 'dashboard listens');
  let closing: Promise<void> | undefined;
  return {
    port,
    close() {
      closing ??= app.close();
      return closing;
    },
  };
}
