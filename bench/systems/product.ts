/** The product as it runs in production: real gateways, workers and a Redis that keeps what it accepts, quiet in their logs. */
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import type { Target } from '../client/connection.ts';
import { type QuietService, startQuietService } from './quiet-service.ts';
import type { System } from './system.ts';

export type ProductOptions = {
  upstreamUrl: string;
  gateways?: number;
  workers?: number;
  /** Slots of each worker. */
  concurrency?: number;
  /** Further settings of all services. */
  env?: Record<string, string>;
};

export type Product = System & { readonly redis: TestRedis; readonly workers: readonly QuietService[] };

/** More slots than any case has jobs at once: the product's own limit is not what is measured. */
const SLOTS = 1_000;

/** Starts all of it on free ports; resolves when every service is ready. */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const redis = await startTestRedis({ appendonly: true });
  const env = { REDIS_URL: redis.url, CLAUDE_API_URL: options.upstreamUrl, ...options.env };
  const slots = { WORKER_CONCURRENCY: `${options.concurrency ?? SLOTS}` };
  const workers = await startAll(options.workers ?? 1, () =>
    startQuietService('worker', 'WORKER_HEALTH_PORT', { ...env, ...slots }),
  );
  const gateways = await startAll(options.gateways ?? 1, () =>
    startQuietService('gateway', 'GATEWAY_PORT', env),
  );
  return {
    targets: gateways.map(({ port }): Target => ({ kind: 'native', url: `ws://127.0.0.1:${port}/ws` })),
    processes: { ...named('gateway', gateways), ...named('worker', workers), redis: redis.pid ?? 0 },
    redis,
    workers,
    async close() {
      await Promise.all([...gateways, ...workers].map(({ stop }) => stop()));
      await redis.close();
    },
  };
}

function startAll(count: number, start: () => Promise<QuietService>): Promise<QuietService[]> {
  return Promise.all(Array.from({ length: count }, start));
}

/** `worker`, `worker2`, … */
function named(name: string, services: readonly QuietService[]): Record<string, number> {
  return Object.fromEntries(services.map(({ pid }, index) => [`${name}${index > 0 ? index + 1 : ''}`, pid]));
}
