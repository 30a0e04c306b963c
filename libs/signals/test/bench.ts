/** A Redis of the test's own, and connections to it that are closed with it. */
import { once } from 'node:events';
import { closeRedis, openRedis, type RedisConnection, type RedisRole } from '@cc-executor/redis';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';

export type Bench = {
  server: TestRedis;
  keyPrefix: string;
  /** Resolves when the connection is up. */
  connect(role: RedisRole, user?: string): Promise<RedisConnection>;
  close(): Promise<void>;
};

export async function openBench(): Promise<Bench> {
  const server = await startTestRedis();
  const connections: RedisConnection[] = [];
  return {
    server,
    keyPrefix: uniquePrefix(),
    async connect(role, user = '') {
      const onError = (error: Error) => {
        throw error;
      };
      const redis = openRedis(server.url.replace('//', `//${user}`), { name: `test-${role}`, role, onError });
      connections.push(redis);
      await once(redis, 'ready');
      return redis;
    },
    async close() {
      await Promise.all(connections.map(closeRedis));
      await server.close();
    },
  };
}
