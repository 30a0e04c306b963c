/**
 * Leaves a master that its sentinels have replaced. One that is frozen or cut off says nothing itself, and a connection
 * to it would stay for minutes; the driver asks sentinels only when it has to connect. (What the driver offers for it,
 * `failoverDetector`, may end a connection for ever: when it hears of the failover while the connection looks for the new
 * master.)
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './address.ts';

const CHANNEL = '+switch-master';
const RETRY_MS = 1_000;

/** Watches over a connection and its duplicates; it holds a connection to each sentinel until all of them have ended. */
export function followFailovers(redis: Redis, address: RedisAddress, sentinelOptions: RedisOptions): void {
  const followed = new Set<Redis>();
  let sentinels: Redis[] = [];

  function listen(): void {
    sentinels = address.endpoints.map((endpoint) => {
      const options = {
        ...sentinelOptions,
        ...endpoint,
        autoResubscribe: false,
        retryStrategy: () => RETRY_MS,
      };
      const sentinel = new Redis(options);
      sentinel.on('error', () => {
        // A sentinel may be away; the others tell the same.
      });
      sentinel.on('message', (_channel: string, text: string) => leave(text));
      sentinel.on('ready', () => {
        sentinel.subscribe(CHANNEL).catch(() => {
          // Closed again, or the sentinel wants another password: asking it for the master says so.
        });
      });
      return sentinel;
    });
  }

  /** @param text name of the master, its old host and port, the new ones */
  function leave(text: string): void {
    const [name, , , host, port] = text.split(' ');
    if (name !== address.masterName) return;
    for (const connection of followed) {
      const { remoteAddress, remotePort } = connection.stream;
      const isThere = remoteAddress === host && String(remotePort) === port;
      // What looks for a master has nothing to leave.
      const isConnected = connection.status === 'connect' || connection.status === 'ready';
      if (isConnected && !isThere) connection.disconnect(true);
    }
  }

  function follow(connection: Redis): void {
    connection.on('connect', () => {
      followed.add(connection);
      if (sentinels.length === 0) listen();
    });
    connection.on('end', () => {
      followed.delete(connection);
      if (followed.size > 0) return;
      for (const sentinel of sentinels.splice(0)) sentinel.disconnect();
    });
  }

  follow(redis);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => {
    const copy = duplicate(override);
    follow(copy);
    return copy;
  };
}
