/** What one process sees of Redis: plain data that can be sent on. No credentials. */
import { describeAddress, parseRedisUrl } from './address.ts';
import { measureClock } from './clock.ts';
import type { RedisConnection } from './connection.ts';
import { checkDurability, type Durability } from './durability.ts';
import { type Memory, readMemory } from './memory.ts';
import { lacksReplicas } from './replicas.ts';
import { describeSoftware, type Software } from './software.ts';

/** One host of the REDIS_URL, from here. */
export type ServerView = {
  host: string;
  port: number;
  /** The system's code when the name does not resolve: ENOTFOUND, EAI_AGAIN … */
  nameCode?: string | undefined;
  /** `code` is the system's when it cannot be connected to, or TIMEOUT. */
  addresses: { address: string; code?: string | undefined; latencyMs: number }[];
};

export type RedisView = {
  /** Without credentials. */
  address: string;
  ok: boolean;
  /** Why not: the system's code, Redis's word (WRONGPASS, NOAUTH, NOPERM, LOADING, NOREPLICAS …), NOT_REDIS or TIMEOUT. */
  code?: string | undefined;
  detail?: string | undefined;
  /** Only looked at where Redis does not answer, and by `probeRedis`. */
  servers?: ServerView[] | undefined;
  /** Of a PING, in ms. */
  latencyMs?: number | undefined;
  /** How far Redis's clock is ahead of this machine's, in ms. */
  clockOffsetMs?: number | undefined;
  durability?: Durability | undefined;
  /** Absent without a limit. */
  memory?: Memory | undefined;
  software?: Software | undefined;
};

/** Asks over a connection that is up. Rejects when Redis does not answer. */
export async function viewRedis(redis: RedisConnection, url: string): Promise<RedisView> {
  const from = performance.now();
  await redis.ping();
  const latencyMs = round(performance.now() - from);
  const address = describeAddress(parseRedisUrl(url));
  if (await lacksReplicas(redis)) return { address, ok: false, code: 'NOREPLICAS' };
  const clockOffsetMs = await measureClock(redis);
  const [durability, memory, software] = await Promise.all([
    checkDurability(redis),
    readMemory(redis),
    describeSoftware(redis),
  ]);
  return { address, ok: true, latencyMs, clockOffsetMs, durability, memory, software };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
