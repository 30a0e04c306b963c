/** The only place that opens Redis connections. */
export {
  describeAddress,
  parseRedisUrl,
  RedisAddressError,
} from './address.ts';
export { measureClock } from './clock.ts';
export {
  closeRedis,
  openRedis,
  type RedisConnection,
  type RedisRole,
  untilConnected,
} from './connection.ts';
export { checkDurability, type Durability, judgeDurability } from './durability.ts';
export { watchDurability } from './durability-watch.ts';
export {
  isCurable,
  isFull,
  RedisFaultError,
  RedisUnavailableError,
  redisErrorOf,
  tellErrorsApart,
  unlessItCanWrite,
  wasCutShort,
} from './failure.ts';
export { type Memory, percentOf } from './memory.ts';
export { probeRedis, seeRedis } from './probe.ts';
export { createReplication, type Replication } from './replication.ts';
export { type Room, type RoomWatch, watchRoom } from './room.ts';
export { defineByteScript, defineScript, observeScripts, type ScriptCall, scriptSource } from './script.ts';
export { keepsOrder, serversOf } from './servers.ts';
export { describeSoftware } from './software.ts';
export { checkSubscription } from './subscription-check.ts';
export type { RedisView } from './view.ts';
