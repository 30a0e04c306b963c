/** Looks at durability whenever a connection has come up: a Redis can come back without its append-only file. */
import type { RedisConnection } from './connection.ts';
import { checkDurability, type Durability } from './durability.ts';

export type DurabilityWatch = {
  /** Resolves with what the first look finds, whenever Redis answers. */
  first: Promise<Durability>;
  /** Looks now. Rejects when Redis does not answer. */
  look(): Promise<Durability>;
};

/** `onChange` hears the first result and every later one that differs from the one before. */
export function watchDurability(
  redis: RedisConnection,
  onChange: (durability: Durability) => void,
): DurabilityWatch {
  const first = Promise.withResolvers<Durability>();
  let last: Durability | undefined;

  async function look(): Promise<Durability> {
    const found = await checkDurability(redis);
    const changed = JSON.stringify(found) !== JSON.stringify(last);
    last = found;
    if (changed) onChange(found);
    first.resolve(found);
    return found;
  }

  function lookAtLeisure(): void {
    look().catch(() => {
      // The connection broke again: it is looked at when it is back.
    });
  }

  redis.on('ready', lookAtLeisure);
  if (redis.status === 'ready') lookAtLeisure();
  return { first: first.promise, look };
}
