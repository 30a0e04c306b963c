/** Reports of services as tests want them. */
import type { ServiceReport } from '@cc-executor/fleet';

export const NOW = 1_800_000_000_000;
const GIB = 1024 ** 3;

export const system = {
  host: 'h1',
  pid: 7,
  node: '26.0.0',
  time: NOW,
  memory: { freeBytes: 2 * GIB, totalBytes: 4 * GIB },
  disk: { path: '/tmp', freeBytes: 20 * GIB, totalBytes: 40 * GIB },
};

/** A worker that sees everything, unless told otherwise. */
export function workerReport(overrides: Partial<ServiceReport> = {}): ServiceReport {
  return {
    id: 'worker-h1-7',
    role: 'worker',
    version: '1.2.3',
    at: NOW - 5_000,
    everyMs: 10_000,
    status: 'ok',
    checks: { redis: { ok: true, latencyMs: 1 }, queue: { ok: true, latencyMs: 0 } },
    system,
    redis: { address: 'redis://redis:6379', ok: true, latencyMs: 0.4, clockOffsetMs: 3 },
    claudeApi: {
      url: 'http://claude-api:8000',
      addresses: [
        {
          address: '10.0.0.4',
          latencyMs: 2,
          statusCode: 200,
          service: 'claude-api',
          version: '1.2.3',
          engine: 'claude',
          detail: 'Claude Code 2.1',
        },
      ],
    },
    settings: { leaseMs: 15_000, retentionMs: 86_400_000, concurrency: 8 },
    ...overrides,
  };
}

export function gatewayReport(overrides: Partial<ServiceReport> = {}): ServiceReport {
  const { claudeApi: _, ...rest } = workerReport({ id: 'gateway-h2-7', role: 'gateway', ...overrides });
  return rest;
}
