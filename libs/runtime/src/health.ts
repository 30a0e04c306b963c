/**
 * Health and readiness of a service, as answers to GET /health (the process lives) and GET /ready (it can do
 * its work now: every check passes and it is not draining).
 * A check that throws or hangs counts as failed; one that still hangs is not started a second time.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from './listen.ts';
import { redactUrl } from './redact.ts';
import { describeSystem, type SystemView } from './system.ts';
import { within } from './within.ts';

export interface CheckResult {
  ok: boolean;
  detail?: string;
  data?: object;
}

/** Proves one dependency. `detail` is for people, `data` for programs. */
export type Check = () => Promise<CheckResult>;

export interface HealthBody {
  service: string;
  version: string;
  status: 'ok' | 'unavailable' | 'draining';
  uptimeMs: number;
  /** Of /ready: the machine as this process sees it. */
  system?: SystemView;
  checks: Record<string, CheckResult & { latencyMs: number }>;
}

export interface Health {
  /** The process is alive. No check is run. */
  health(): { status: 200; body: HealthBody };
  /** Runs all checks together. Never rejects. */
  ready(): Promise<{ status: 200 | 503; body: HealthBody }>;
  /** From now on the service is not ready. */
  setDraining(): void;
  /** Answers GET /health and GET /ready; returns false, having done nothing, for any other request. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/**
 * Makes the health of a service.
 *
 * @param options.timeoutMs how long a check may take
 */
export function createHealth(options: {
  service: string;
  version: string;
  checks: Record<string, Check>;
  timeoutMs?: number;
}): Health {
  const { service, version, checks, timeoutMs = 2000 } = options;
  const startedAt = performance.now();
  const pending = new Map<string, Promise<CheckResult>>();
  let draining = false;

  function body(status: HealthBody['status'], results: HealthBody['checks']): HealthBody {
    return { service, version, status, uptimeMs: Math.round(performance.now() - startedAt), checks: results };
  }

  function begin(name: string, check: Check): Promise<CheckResult> {
    const running = pending.get(name);
    if (running !== undefined) return running;
    const started = (async () => check())()
      .catch((error: unknown) => ({ ok: false, detail: describe(error) }))
      .finally(() => pending.delete(name));
    pending.set(name, started);
    return started;
  }

  async function measure(name: string, check: Check) {
    const from = performance.now();
    const late = () => ({ ok: false, detail: `no answer within ${timeoutMs} ms` });
    const result: CheckResult = await within(begin(name, check), timeoutMs, { late });
    const detail = result.detail === undefined ? {} : { detail: redactUrl(result.detail) };
    return [name, { ...result, ...detail, latencyMs: Math.round(performance.now() - from) }] as const;
  }

  const self: Health = {
    health: () => ({ status: 200, body: body(draining ? 'draining' : 'ok', {}) }),

    async ready() {
      const entries = Object.entries(checks).map(([name, check]) => measure(name, check));
      const results = Object.fromEntries(await Promise.all(entries));
      const ok = Object.values(results).every((result) => result.ok);
      const status = draining ? 'draining' : ok ? 'ok' : 'unavailable';
      return {
        status: status === 'ok' ? 200 : 503,
        body: { ...body(status, results), system: describeSystem() },
      };
    },

    setDraining() {
      draining = true;
    },

    handle(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const path = request.url?.split('?', 1)[0];
      if (path === '/health') send(response, self.health());
      else if (path === '/ready') void self.ready().then((answer) => send(response, answer));
      else return false;
      return true;
    },
  };
  return self;
}

/**
 * Serves a service's health where it has no HTTP server of its own.
 *
 * @param options.portVariable the variable that sets the port, for the error when it is taken
 * @throws Error in plain words, with `code`, when the port cannot be opened
 */
export async function startHealthServer(options: {
  host: string;
  port: number;
  health: Health;
  portVariable?: string;
  /** Answers other requests on the same port; returns false when it did not. */
  handleOther?: (request: IncomingMessage, response: ServerResponse) => boolean;
}): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (options.health.handle(request, response)) return;
    if (!options.handleOther?.(request, response)) response.writeHead(404).end();
  });
  const port = await listen(server, options);
  return {
    port,
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function send(response: ServerResponse, { status, body }: { status: number; body: HealthBody }): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
