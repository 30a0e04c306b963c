/**
 * Live batches from Redis over one SUBSCRIBE connection for the whole process. Pub/sub is at most once: whoever
 * listens checks positions too, periodically and after `onRestored`.
 */
import { closeRedis, type RedisConnection, RedisUnavailableError } from '@cc-executor/redis';
import type { JobFeed, Publication } from './job-log.ts';
import type { Keys } from './keys.ts';
import { parsePublication } from './publication.ts';

type Listener = (publication: Publication) => void;

/** Takes over the connection (role `subscriber`) and closes it with the feed. */
export function createRedisFeed({ redis, keys }: { redis: RedisConnection; keys: Keys }): JobFeed {
  const listeners = new Map<string, Set<Listener>>();
  const restored = new Set<() => void>();
  let wasReady = redis.status === 'ready';

  redis.on('message', (channel: string, payload: string) => {
    const publication = parsePublication(payload);
    for (const listener of listeners.get(channel) ?? []) listener(publication);
  });
  redis.on('ready', () => {
    if (wasReady) afterResubscribe();
    wasReady = true;
  });

  /** ioredis subscribes anew before it sends what we send now: this PING's reply says that it has. */
  function afterResubscribe(): void {
    redis.ping().then(
      () => {
        for (const listener of restored) listener();
      },
      () => {
        // The connection broke again: its next 'ready' brings us back here.
      },
    );
  }

  async function subscribe(jobId: string, listener: Listener): Promise<() => void> {
    const channel = keys.channel(jobId);
    const known = listeners.get(channel) ?? new Set();
    listeners.set(channel, known.add(listener));
    const unsubscribe = () => {
      known.delete(listener);
      if (known.size > 0 || listeners.get(channel) !== known) return;
      listeners.delete(channel);
      // Commands keep their order on the connection: a later subscribe comes after this.
      redis.unsubscribe(channel).catch(() => {
        // Without a connection there is no subscription either.
      });
    };
    try {
      // Again even when another listener has asked: only an acknowledgement of our own says that it is in force.
      await redis.subscribe(channel);
    } catch (error) {
      unsubscribe();
      throw new RedisUnavailableError(error);
    }
    return unsubscribe;
  }

  return {
    subscribe,
    onRestored(listener) {
      restored.add(listener);
      return () => restored.delete(listener);
    },
    close: () => closeRedis(redis),
  };
}
