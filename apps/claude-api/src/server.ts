/** The HTTP server: routes over the executions of one engine. It closes by draining. */
import type { AddressInfo } from 'node:net';
import type { Metrics } from '@cc-executor/metrics';
import { createHealth, type Logger, sleep, version } from '@cc-executor/runtime';
import fastify, { type FastifyError } from 'fastify';
import type { Engine } from './engine.ts';
import { createExecutions, type ExecutionLimits } from './executions.ts';
import { createClaudeApiMetrics } from './metrics.ts';
import type { Policy } from './policy.ts';
import { registerExecuteRoutes } from './routes/execute.ts';
import { registerExecutionRoutes } from './routes/executions.ts';
import { registerHealthRoutes } from './routes/health.ts';
import { registerMetricsRoute } from './routes/metrics.ts';
import { stopListening } from './stop-listening.ts';

/** More than a prompt of the longest kind takes as JSON. */
const BODY_LIMIT = 16 * 1024 * 1024;
/** Asking the CLI for its version takes so long when the machine is cold. */
const CHECK_TIMEOUT_MS = 10_000;
/** Who has connected before the port was closed gets an answer, when the request comes so soon. */
const LAST_REQUESTS_WITHIN_MS = 100;
const LAST_BYTES_WITHIN_MS = 1_000;

export interface ServerOptions {
  readonly engine: Engine;
  readonly host: string;
  readonly port: number;
  readonly limits: ExecutionLimits;
  readonly policy: Policy;
  readonly drainMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ClaudeApiServer {
  readonly port: number;
  /** Drains, then stops listening. Safe to call twice. */
  close(): Promise<void>;
}

/** Starts the server. @throws when the port cannot be opened */
export async function startServer(options: ServerOptions): Promise<ClaudeApiServer> {
  const { engine, logger } = options;
  const executions = createExecutions(engine, options.limits, logger);
  const counted = createClaudeApiMetrics(options.metrics, {
    running: () => executions.size,
    limit: options.limits.maxExecutions,
    engine: engine.name,
  });
  const health = createHealth({
    service: 'claude-api',
    version,
    timeoutMs: CHECK_TIMEOUT_MS,
    checks: {
      async engine() {
        const { ok, detail, version: engineVersion, login } = await engine.describe();
        return { ok, detail, data: { engine: engine.name, version: engineVersion, login } };
      },
    },
  });

  const app = fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: 'idle' });
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const statusCode = error.statusCode ?? 500;
    if (statusCode >= 500) logger.error({ err: error }, 'request failed');
    const described =
      statusCode >= 500
        ? { code: 'internal_error', message: 'Unexpected error' }
        : { code: 'invalid_request', message: error.message };
    void reply.code(statusCode).send({ error: described });
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.split('?', 1)[0]}`;
    void reply.code(404).send({ error: { code: 'not_found', message } });
  });
  registerHealthRoutes(app, health);
  registerMetricsRoute(app, options.metrics);
  registerExecuteRoutes(app, { engine, executions, policy: options.policy, metrics: counted });
  registerExecutionRoutes(app, executions, engine);
  await app.listen({ host: options.host, port: options.port });

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    health.setDraining();
    await executions.close(options.drainMs);
    await stopListening(app.server);
    await sleep(LAST_REQUESTS_WITHIN_MS);
    // What was written may still be on its way; a caller that does not take it may not hold us up.
    const cut = setTimeout(() => app.server.closeAllConnections(), LAST_BYTES_WITHIN_MS);
    await app.close();
    clearTimeout(cut);
  }
  return {
    port: (app.server.address() as AddressInfo).port,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
