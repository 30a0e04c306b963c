/**
 * Live batches from Redis over one SUBSCRIBE connection for the whole process. Pub/sub is at most once: whoever
 * listens checks positions too, periodically and after `onRestored`.
 */
import {
  checkSubscription,
  closeRedis,
  type RedisConnection,
  RedisFaultError,
  redisErrorOf,
} from '@cc-executor/redis';
import type { JobFeed, Publication } from './job-log.ts';
import type { Keys } from './keys.ts';
import { parsePublication } from './publication.ts';

type Listener = (publication: Publication) => void;

export type RedisFeed = JobFeed & {
  /** Whether jobs can be listened to, for readiness; listeners whom Redis had refused hear again. Never rejects. */
  check(): Promise<{ ok: boolean; detail: string }>;
};

/** Subscribed to only to see whether that is allowed: no job has this id. */
const PROBE_ID = 'readiness';

/** Takes over the connection (role `subscriber`) and closes it with the feed. */
export function createRedisFeed({ redis, keys }: { redis: RedisConnection; keys: Keys }): RedisFeed {
  const listeners = new Map<string, { jobId: string; told: Set<Listener> }>();
  const restored = new Set<() => void>();
  let wasReady = redis.status === 'ready';
  let isRefused = false;

  // As bytes: what goes on to clients is not decoded.
  redis.on('messageBuffer', (channel: Buffer, message: Buffer) => {
    const known = listeners.get(channel.toString());
    if (!known) return;
    const publication = parsePublication(known.jobId, message);
    for (const listener of known.told) listener(publication);
  });
  redis.on('ready', () => {
    if (wasReady) void resubscribe();
    wasReady = true;
  });

  /** ioredis has subscribed anew by itself, but tells nobody whether Redis let it. */
  async function resubscribe(): Promise<void> {
    try {
      await (listeners.size > 0 ? redis.subscribe(...listeners.keys()) : redis.ping());
    } catch (error) {
      // Otherwise the connection broke again: its next 'ready' brings us back here.
      isRefused = redisErrorOf(error) instanceof RedisFaultError;
      return;
    }
    isRefused = false;
    for (const listener of restored) listener();
  }

  const enter = together((channels) => redis.subscribe(...channels));
  const leave = together(async (left) => {
    // One that is listened to again was subscribed to again, too.
    const channels = left.filter((channel) => !listeners.has(channel));
    if (channels.length > 0) await redis.unsubscribe(...channels);
  });

  async function subscribe(jobId: string, listener: Listener): Promise<() => void> {
    const channel = keys.channel(jobId);
    const known = listeners.get(channel) ?? { jobId, told: new Set() };
    listeners.set(channel, known);
    known.told.add(listener);
    const unsubscribe = () => {
      known.told.delete(listener);
      if (known.told.size > 0 || listeners.get(channel) !== known) return;
      listeners.delete(channel);
      leave(channel).catch(() => {
        // Without a connection there is no subscription either.
      });
    };
    try {
      // Again even when another listener has asked: only an acknowledgement of our own says that it is in force.
      await enter(channel);
    } catch (error) {
      unsubscribe();
      throw redisErrorOf(error);
    }
    return unsubscribe;
  }

  async function check() {
    const probe = keys.channel(PROBE_ID);
    const result = await checkSubscription(redis, [probe]);
    if (!result.ok) return result;
    redis.unsubscribe(probe).catch(() => {
      // Without a connection there is no subscription either.
    });
    if (isRefused) await resubscribe();
    return result;
  }

  return {
    subscribe,
    check,
    onRestored(listener) {
      restored.add(listener);
      return () => restored.delete(listener);
    },
    close: () => closeRedis(redis),
  };
}

/** Gathers what comes in one turn of the event loop, for one command. */
function together(send: (channels: string[]) => Promise<unknown>): (channel: string) => Promise<unknown> {
  const channels: string[] = [];
  let sent: Promise<unknown>;
  return (channel) => {
    if (channels.push(channel) === 1) {
      sent = new Promise(setImmediate).then(() => send(channels.splice(0)));
    }
    return sent;
  };
}
