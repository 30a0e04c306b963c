/** How much of its limit (`maxmemory`) a Redis uses: from INFO, which users without CONFIG may run too. */
import type { RedisConnection } from './connection.ts';
import { readSection } from './info.ts';
import { mastersOf } from './servers.ts';

export type Memory = { usedBytes: number; maxBytes: number };

/**
 * Of the fullest master; undefined where none has a limit, or INFO is not allowed. Rejects when Redis does not answer.
 */
export async function readMemory(redis: RedisConnection): Promise<Memory | undefined> {
  const found = await Promise.all(mastersOf(redis).map(readServer));
  return found
    .filter((memory) => memory !== undefined)
    .sort((a, b) => percentOf(b) - percentOf(a))
    .at(0);
}

/** What is used of the limit, in percent. */
export function percentOf({ usedBytes, maxBytes }: Memory): number {
  return (100 * usedBytes) / maxBytes;
}

async function readServer(server: { info(section: string): Promise<string> }): Promise<Memory | undefined> {
  const info = (await readSection(server, 'memory')) ?? {};
  const maxBytes = Number(info.maxmemory ?? 0);
  if (!(maxBytes > 0)) return undefined;
  // Buffers of replicas and of the append-only file do not count towards the limit.
  const usedBytes = Number(info.used_memory ?? 0) - Number(info.mem_not_counted_for_evict ?? 0);
  return { usedBytes, maxBytes };
}
