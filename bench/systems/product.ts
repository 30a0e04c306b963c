/** The product as it runs in production: real gateways, workers and a Redis that keeps what it accepts, quiet in their logs. */
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import type { Target } from '../client/connection.ts';
import { type QuietService, startQuietService } from './quiet-service.ts';
import type { System } from './system.ts';

export type ProductOptions = {
  upstreamUrl: string;
  /** Slots of each worker. */
  concurrency?: number;
  /** Further settings of all services. */
  env?: Record<string, string>;
};

export type Product = System & {
  readonly redis: TestRedis;
  addGateway(): Promise<void>;
  addWorker(): Promise<void>;
  /** Kills the first one (SIGKILL). */
  killWorker(): void;
};

/** More slots than any case has jobs at once: the product's own limit is not what is measured. */
const SLOTS = 1_000;

/** Starts one gateway and one worker on free ports; resolves when they are ready. */
export async function startProduct({ upstreamUrl, concurrency, env }: ProductOptions): Promise<Product> {
  const redis = await startTestRedis({ appendonly: true });
  const common = { REDIS_URL: redis.url, CLAUDE_API_URL: upstreamUrl, ...env };
  const workers: QuietService[] = [];
  const gateways: QuietService[] = [];

  async function addWorker(): Promise<void> {
    const slots = { WORKER_CONCURRENCY: `${concurrency ?? SLOTS}` };
    workers.push(await startQuietService('worker', 'WORKER_HEALTH_PORT', { ...common, ...slots }));
  }

  async function addGateway(): Promise<void> {
    gateways.push(await startQuietService('gateway', 'GATEWAY_PORT', common));
  }

  async function close(): Promise<void> {
    await Promise.all([...gateways, ...workers].map(({ stop }) => stop()));
    await redis.close();
  }

  // When one cannot start, the other is there before it is stopped.
  const starting = [addGateway(), addWorker()];
  await Promise.allSettled(starting);
  try {
    await Promise.all(starting);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get targets() {
      return gateways.map(({ port }): Target => ({ kind: 'native', url: `ws://127.0.0.1:${port}/ws` }));
    },
    get processes() {
      return { ...named('gateway', gateways), ...named('worker', workers), redis: redis.pid ?? 0 };
    },
    redis,
    addGateway,
    addWorker,
    killWorker: () => workers[0]?.kill(),
    close,
  };
}

/** `worker`, `worker2`, … */
function named(name: string, services: readonly QuietService[]): Record<string, number> {
  return Object.fromEntries(services.map(({ pid }, index) => [`${name}${index > 0 ? index + 1 : ''}`, pid]));
}
