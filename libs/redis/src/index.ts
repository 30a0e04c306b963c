/** The only place that opens Redis connections. */
export {
  describeAddress,
  type Endpoint,
  parseRedisUrl,
  type RedisAddress,
  RedisAddressError,
} from './address.ts';
export {
  closeRedis,
  type OpenOptions,
  openRedis,
  type RedisConnection,
  type RedisRole,
} from './connection.ts';
export { checkDurability, type Durability, judgeDurability } from './durability.ts';
export { type DurabilityWatch, watchDurability } from './durability-watch.ts';
export {
  isCurable,
  RedisFaultError,
  RedisUnavailableError,
  redisErrorOf,
  tellErrorsApart,
  type UnavailableReason,
} from './failure.ts';
export { probeRedis, seeRedis } from './probe.ts';
export { mastersOf, serversOf } from './servers.ts';
export { checkSubscription } from './subscription-check.ts';
export { type RedisView, type ServerView, viewRedis } from './view.ts';
