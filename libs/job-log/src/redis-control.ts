/** Words to workers over one SUBSCRIBE connection: a wish is recorded first, and this only makes it quick. */
import { closeRedis, type RedisConnection } from '@cc-executor/redis';
import type { Keys } from './keys.ts';

export type ControlFeed = {
  /** Called with the id of a running job of which a cancel, or a pause or its end, was recorded; any worker may have it. */
  onWish(listener: (jobId: string) => void): void;
  close(): Promise<void>;
};

/** Takes over the connection (role `subscriber`). */
export function createRedisControl({ redis, keys }: { redis: RedisConnection; keys: Keys }): ControlFeed {
  const listeners = new Set<(jobId: string) => void>();
  redis.on('message', (_channel: string, word: string) => {
    const [verb, jobId] = word.split(' ');
    if ((verb !== 'cancel' && verb !== 'pause') || jobId === undefined) return;
    for (const listener of listeners) listener(jobId);
  });
  redis.subscribe(keys.control).catch(() => {
    // Closed before it was acknowledged. A lost connection is subscribed anew by the driver.
  });
  return {
    onWish: (listener) => listeners.add(listener),
    close: () => closeRedis(redis),
  };
}
