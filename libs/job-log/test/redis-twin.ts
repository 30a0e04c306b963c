/** The job log on a Redis of the test's own, under a prefix of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { closeRedis, openRedis, type RedisConnection, type RedisRole } from '@cc-executor/redis';
import {
  createRedisWholeLog,
  startTestRedis,
  type TestRedis,
  type TestRedisOptions,
  uniquePrefix,
} from '@cc-executor/testing';
import {
  createKeys,
  createRedisFeed,
  createRedisSweep,
  createRedisUsageBlock,
  type Keys,
} from '../src/index.ts';
import type { Twin } from './suite/twin.ts';

export type RedisTwin = Twin & {
  server: TestRedis;
  keyPrefix: string;
  keys: Keys;
  redis: RedisConnection;
  retentionMs: number;
  /** Another connection to the same server, closed with the twin. */
  connect(role: RedisRole, user?: string): RedisConnection;
  now(): Promise<number>;
};

export async function openRedisTwin(
  options: TestRedisOptions & { retentionMs?: number } = {},
): Promise<RedisTwin> {
  const server = await startTestRedis(options);
  const connections: RedisConnection[] = [];
  const connect = (role: RedisRole, user = '') => {
    const onError = () => {
      // Some tests take the server away.
    };
    const redis = openRedis(server.url.replace('//', `//${user}`), { name: `test-${role}`, role, onError });
    connections.push(redis);
    return redis;
  };
  const keyPrefix = uniquePrefix();
  const keys = createKeys(keyPrefix);
  const redis = connect('patient');
  const { retentionMs = 60_000 } = options;
  const log = createRedisWholeLog({ redis, keys, retentionMs });
  const { countListeners } = createRedisSweep({ redis, keys, retentionMs: 60_000 });
  const feed = createRedisFeed({ redis: connect('subscriber'), keys });

  async function now(): Promise<number> {
    const [seconds, micros] = await server.admin.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  return {
    server,
    keyPrefix,
    keys,
    redis,
    retentionMs,
    log,
    feed,
    countListeners,
    usageBlock: createRedisUsageBlock({ redis, keys }),
    connect,
    now,
    async pass(ms) {
      const until = (await now()) + ms;
      for (let left = ms; left > 0; left = until - (await now())) await sleep(left);
    },
    async createdTogether(tenant, jobIds) {
      const at = await now();
      for (const jobId of jobIds) {
        for (const list of [keys.jobs(tenant), keys.unfinished(tenant)])
          await redis.zadd(list, 'XX', at, jobId);
        await redis.hset(keys.record(jobId), 'createdAt', at);
      }
    },
    async close() {
      await feed.close();
      await Promise.all(connections.map(closeRedis));
      await server.close();
    },
  };
}
