/** What is measured: the product, or what a user would have in its place. */
import { startTestRedis } from '@cc-executor/testing';
import type { Target } from '../client/connection.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';
import { startTenants } from './tenants.ts';

export type System = {
  readonly targets: readonly Target[];
  /** Process ids by what they are. */
  readonly processes: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

const PLENTY = 1_000_000_000;

/** `batches` is the product, too, read in batches as the SDK does; `keys` is the product with keys, and with every limit. */
export type SystemName =
  | 'product'
  | 'batches'
  | 'keys'
  | 'naive'
  | 'corked'
  | 'bare'
  | 'socket.io'
  | 'resumable-stream';

/** Starts one with all its processes. */
export function startSystem(name: Exclude<SystemName, 'batches'>, upstreamUrl: string): Promise<System> {
  switch (name) {
    case 'product':
      return startProduct({ upstreamUrl });
    case 'keys':
      return startTenants({ upstreamUrl }, manyTenants());
    case 'naive':
    case 'corked':
    case 'bare':
      return startBridge(`baselines/${name}.ts`, upstreamUrl);
    case 'socket.io':
      return startOnRedis('baselines/socket-io.ts', 'socket.io', upstreamUrl);
    case 'resumable-stream':
      return startOnRedis('baselines/resumable-stream.ts', 'plain', upstreamUrl);
    default:
      return name satisfies never;
  }
}

/** A hundred keys. Every limit is there to be looked after, and none is reached. */
function manyTenants() {
  const held = ['jobs', 'bytes', 'output', 'running', 'attachments', 'requests', 'costPerMinute'];
  const spent = ['usdPerDay', 'usdPerMonth', 'tokensPerDay', 'tokensPerMonth'];
  const quotas = Object.fromEntries([...held, ...spent].map((name) => [name, PLENTY]));
  const ceilings = { 'timeouts.totalMs': 3_600_000, maxAttempts: 3, maxTurns: 100, maxBudgetUsd: 1 };
  const one = { keys: 10, limits: { ...quotas, tokensPerJob: 1_000, ...ceilings } };
  return Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`tenant-${index}`, one]));
}

async function startBridge(file: string, upstreamUrl: string): Promise<System> {
  const { pid, port, stop } = await startProgram(file, [upstreamUrl]);
  return {
    targets: [{ kind: 'plain', url: `ws://127.0.0.1:${port}` }],
    processes: { bridge: pid },
    close: stop,
  };
}

/** A library that keeps streams in a Redis, which is run as the product's is. */
async function startOnRedis(file: string, kind: Target['kind'], upstreamUrl: string): Promise<System> {
  const redis = await startTestRedis({ appendonly: true });
  const { pid, port, stop } = await startProgram(file, [upstreamUrl, redis.url]);
  const scheme = kind === 'socket.io' ? 'http' : 'ws';
  return {
    targets: [{ kind, url: `${scheme}://127.0.0.1:${port}` }],
    processes: { server: pid, redis: redis.pid ?? 0 },
    async close() {
      await stop();
      await redis.close();
    },
  };
}
