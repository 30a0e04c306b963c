/**
 * Says when what a connection wrote is on a replica too, so that a failover does not lose it. WAIT tells of everything
 * before the connection's last write, and holds up what comes behind it: it wants a connection of its own for the writes
 * that are to be confirmed. One WAIT is under way at a time, and stands for all who wrote before it.
 */
import type { RedisConnection } from './connection.ts';
import { RedisUnavailableError, tellErrorsApart } from './failure.ts';

export type Replication = {
  /**
   * To be called before the first write; the function that it returns, after the last one was answered. That one
   * resolves when a replica has them. Errors: `RedisUnavailableError` when none has said so in time, or when the
   * connection broke: another master may not have what this one answered.
   */
  begin(): () => Promise<void>;
};

/**
 * @param options.redis takes nothing but what is to be confirmed
 * @param options.key written before each WAIT: what was there already, another connection wrote
 * @param options.boundMs how long a replica may take
 */
export function createReplication(options: {
  redis: RedisConnection;
  key: string;
  boundMs: number;
}): Replication {
  const { redis, key, boundMs } = options;
  let breaks = 0;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  redis.on('close', () => {
    breaks += 1;
  });

  async function waitOnce(): Promise<void> {
    const answers = (await redis.pipeline().set(key, '1').wait(1, boundMs).exec()) ?? [];
    for (const [error] of answers) if (error) throw error;
    const [, [, replicas] = []] = answers;
    if (!replicas) throw new RedisUnavailableError('no_replicas', new Error('none has confirmed in time'));
  }

  /** The next WAIT: the one under way was sent before the last writes. */
  function join(): Promise<void> {
    next ??= running
      .catch(() => {
        // Of those who waited for it.
      })
      .then(() => {
        running = tellErrorsApart(waitOnce());
        next = undefined;
        return running;
      });
    return next;
  }

  return {
    begin() {
      const before = breaks;
      return async () => {
        await join();
        if (breaks === before) return;
        throw new RedisUnavailableError('away', new Error('the connection broke before a replica confirmed'));
      };
    },
  };
}
