/** What a Redis holds. */
import type { TestRedis } from '@cc-executor/testing';

/** In bytes; NaN when it does not tell. */
export async function usedBytes({ admin }: TestRedis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1] ?? Number.NaN);
}
