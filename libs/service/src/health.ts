/**
 * Health and readiness of a service: what GET /health (the process lives) and GET /ready (it can do its work now: every
 * check passes and it is not draining) answer.
 * A check that throws or hangs counts as failed; one that still hangs is not started a second time.
 */
import {
  describeSystem,
  redactUrl,
  type SystemView,
  version as thisVersion,
  within,
} from '@cc-executor/runtime';

export type CheckResult = {
  ok: boolean;
  detail?: string;
  data?: object;
};

/** Proves one dependency. `detail` is for people, `data` for programs. */
export type Check = () => Promise<CheckResult>;

type HealthBody = {
  service: string;
  version: string;
  status: 'ok' | 'unavailable' | 'draining';
  uptimeMs: number;
  /** Of /ready: the machine as this process sees it. */
  system?: SystemView;
  checks: Record<string, CheckResult & { latencyMs: number }>;
};

export type Health = {
  /** The process is alive. No check is run. */
  health(): { status: 200; body: HealthBody };
  /** Runs all checks together. Never rejects. */
  ready(): Promise<{ status: 200 | 503; body: HealthBody }>;
  /** From now on the service is not ready. */
  setDraining(): void;
};

/**
 * Makes the health of a service.
 *
 * @param options.version that of this release, unless it is given
 * @param options.timeoutMs how long a check may take
 */
export function createHealth(options: {
  service: string;
  version?: string;
  checks: Record<string, Check>;
  timeoutMs?: number;
}): Health {
  const { service, version = thisVersion, checks, timeoutMs = 2000 } = options;
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

  return {
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
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
