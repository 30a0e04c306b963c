/** The HTTP server: routes over the executions of one engine. It closes by draining. */
import type { Metrics } from '@cc-executor/metrics';
import type { Logger } from '@cc-executor/runtime';
import { createHealth, createHttpServer, listenHttp } from '@cc-executor/service';
import type { Tracing } from '@cc-executor/tracing';
import { appName } from './config.ts';
import type { Engine } from './engine.ts';
import { createExecutions, type ExecutionLimits } from './executions.ts';
import { createClaudeApiMetrics } from './metrics.ts';
import type { Policy } from './policy.ts';
import { registerExecuteRoutes } from './routes/execute.ts';
import { registerExecutionRoutes } from './routes/executions.ts';
import { type FileLimits, registerWorkspaceRoutes } from './routes/workspaces.ts';
import { watchDoor } from './stop-listening.ts';
import { requireTenant } from './tenants.ts';
import { requireToken } from './token-check.ts';
import { createWorkspaces } from './workspaces/workspaces.ts';

/** More than a prompt of the longest kind takes as JSON. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
/** Asking the CLI for its version takes so long when the machine is cold. */
const CHECK_TIMEOUT_MS = 10_000;
/** Who has connected before the port was closed gets an answer, when the request comes so soon. */
const LAST_REQUESTS_WITHIN_MS = 2_000;
const LAST_BYTES_WITHIN_MS = 1_000;

export type ServerOptions = {
  readonly engine: Engine;
  readonly host: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
  readonly tokenSha256: string | undefined;
  readonly limits: ExecutionLimits & FileLimits;
  /** Undefined: there are no named workspaces. */
  readonly workspacesDir: string | undefined;
  readonly workDir: string;
  readonly policy: Policy;
  readonly drainMs: number;
  readonly metrics: Metrics;
  /** Undefined: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  readonly logger: Logger;
};

export type ClaudeApiServer = {
  readonly port: number;
  /** Drains, then stops listening. Safe to call twice. */
  close(): Promise<void>;
};

/** Starts the server. Errors: those of `listenHttp`, in plain words. */
export async function startServer(options: ServerOptions): Promise<ClaudeApiServer> {
  const { engine, logger } = options;
  const executions = createExecutions(engine, options.limits, logger);
  const counted = createClaudeApiMetrics(options.metrics, {
    load: executions.load,
    limits: options.limits,
    engine: engine.name,
  });
  const health = createHealth({
    service: appName,
    timeoutMs: CHECK_TIMEOUT_MS,
    checks: {
      async engine() {
        const { ok, detail, version: engineVersion, ...more } = await engine.describe();
        const load = { ...executions.load(), limit: options.limits.maxExecutions };
        return { ok, detail, data: { engine: engine.name, version: engineVersion, load, ...more } };
      },
    },
  });

  const app = createHttpServer({
    health,
    metrics: options.metrics,
    logger,
    allowedHosts: [options.host, ...options.allowedHosts],
    bodyLimitBytes: BODY_LIMIT_BYTES,
    finishesRequests: true,
    describeMissing({ method, url }) {
      const message = `There is no ${method} ${url.split('?', 1)[0]}`;
      return { error: { code: 'not_found', message } };
    },
    describeFault: ({ statusCode, message }) =>
      statusCode >= 500
        ? { error: { code: 'internal_error', message: 'Unexpected error' } }
        : { error: { code: statusCode === 403 ? 'forbidden' : 'invalid_request', message } },
  });
  requireToken(app, options.tokenSha256);
  requireTenant(app);
  registerExecuteRoutes(app, { ...options, executions, metrics: counted });
  registerExecutionRoutes(app, executions, engine);
  const workspaces = createWorkspaces(options.workspacesDir);
  registerWorkspaceRoutes(app, {
    workspaces,
    limits: options.limits,
    workDir: options.workDir,
    diffsDir: options.workspacesDir ?? options.workDir,
    confine: engine.confine,
  });
  const door = watchDoor(app.server);
  const { host } = options;
  const port = await listenHttp(app, { host, port: options.port, portVariable: 'CLAUDE_API_PORT' });

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    health.setDraining();
    await executions.close(options.drainMs);
    await door.close(LAST_REQUESTS_WITHIN_MS);
    // What was written may still be on its way; a caller that does not take it may not hold us up.
    const cut = setTimeout(() => app.server.closeAllConnections(), LAST_BYTES_WITHIN_MS);
    await app.close();
    clearTimeout(cut);
  }
  return {
    port,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
