/**
 * The dashboard's HTTP server: health, the queue board, our own pages.
 * Pages load nothing from elsewhere, and on loopback, or where hosts are listed, only requests that name this machine or
 * one of those are answered, so that a web page whose name was pointed here reads nothing.
 */
import type { Metrics } from '@cc-executor/metrics';
import type { openQueue } from '@cc-executor/queue';
import { isLoopback, type Logger, logEvents, namesLoopback } from '@cc-executor/runtime';
import { createHttpServer, type Health, listenHttp } from '@cc-executor/service';
import { mountBoard } from './board.ts';
import { renderIndexPage } from './pages/index-page.ts';

// bull-board styles elements inline, and would fetch its fonts from a third party.
const CONTENT_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'";

export interface DashboardOptions {
  readonly host: string;
  readonly port: number;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly queue: ReturnType<typeof openQueue>;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Dashboard {
  readonly port: number;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Listens. Errors: those of `listenHttp`, in plain words. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, queue, health, metrics, logger } = options;
  const app = createHttpServer({ health, metrics, logger });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', CONTENT_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    if (!isNamed(request.hostname, options)) {
      return reply.code(403).send({ error: 'the Host header does not name this machine' });
    }
  });
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(renderIndexPage()));
  mountBoard(app, queue);
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

/** Whether a request for this host name is answered. */
function isNamed(
  hostname: string,
  { host, allowedHosts }: Pick<DashboardOptions, 'host' | 'allowedHosts'>,
): boolean {
  if (allowedHosts === undefined && !isLoopback(host)) return true;
  return namesLoopback(hostname) || (allowedHosts ?? []).includes(hostname);
}
