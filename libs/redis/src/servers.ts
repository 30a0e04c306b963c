/** The single servers behind a connection. */
import { Cluster, type Redis } from 'ioredis';
import type { RedisConnection } from './connection.ts';

/** The nodes of a cluster, or the one server. */
export function serversOf(redis: RedisConnection): Redis[] {
  return redis instanceof Cluster ? redis.nodes() : [redis];
}

/** Those that are written to. */
export function mastersOf(redis: RedisConnection): Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis];
}

/** Whether commands take effect in the order in which they are sent: one server keeps it, nodes of a cluster do not. */
export function keepsOrder(redis: RedisConnection): boolean {
  return !(redis instanceof Cluster);
}
