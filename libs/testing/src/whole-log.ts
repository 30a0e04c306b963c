/** The job log with every right at once, for tests, which play client, gateway and worker on one log. */
import {
  type AcceptLog,
  createRedisAcceptLog,
  createRedisListenLog,
  createRedisReadLog,
  createRedisWishLog,
  createRedisWriteLog,
  type Keys,
  type ListenLog,
  type ReadLog,
  type WishLog,
  type WriteLog,
} from '@cc-executor/job-log';
import type { RedisConnection } from '@cc-executor/redis';

export type WholeLog = AcceptLog & ReadLog & WishLog & ListenLog & WriteLog;

export function createRedisWholeLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): WholeLog {
  return {
    ...createRedisAcceptLog(options),
    ...createRedisReadLog(options),
    ...createRedisWishLog(options),
    ...createRedisListenLog(options),
    ...createRedisWriteLog(options),
  };
}
