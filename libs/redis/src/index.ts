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
  serversOf,
} from './connection.ts';
