/**
 * The dashboard's HTTP server: health, the queue board, our own pages.
 * Pages load nothing from elsewhere, and on loopback, or where hosts are listed, only requests that name this machine or
 * one of those are answered, so that a web page whose name was pointed here reads nothing.
 */
import type { AddressInfo } from 'node:net';
import type { Metrics } from '@cc-executor/metrics';
import type { openQueue } from '@cc-executor/queue';
import { type Health, isLoopback, type Logger, listen, logEvents, namesLoopback } from '@cc-executor/runtime';
import fastify, { type FastifyError } from 'fastify';
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

/** Listens. Errors: those of `listen`, in plain words. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, queue, health, metrics, logger } = options;
  const app = fastify({ forceCloseConnections: true });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', CONTENT_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    if (!isNamed(request.hostname, options)) {
      return reply.code(403).send({ error: 'the Host header does not name this machine' });
    }
  });
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) logger.error({ err: error }, 'request failed');
    return reply.code(status).send({ error: status >= 500 ? 'internal error' : error.message });
  });
  app.get('/health', async (_request, reply) => {
    const { status, body } = health.health();
    return reply.code(status).send(body);
  });
  app.get('/ready', async (_request, reply) => {
    const { status, body } = await health.ready();
    return reply.code(status).header('cache-control', 'no-store').send(body);
  });
  if (metrics.isOn) {
    app.get('/metrics', async (_request, reply) => {
      const { contentType, body } = await metrics.scrape();
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(body);
    });
  }
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(renderIndexPage()));
  mountBoard(app, queue);
  await app.ready();
  await listen(app.server, { host, port: options.port, portVariable: 'DASHBOARD_PORT' });

  const { port } = app.server.address() as AddressInfo;
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
