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

/** Where nobody waits in line. */
export const noLine = () => ({ key: '{due}:nobody', below: 0 });

/** @param options.lineOf default: nobody waits in line */
export function createRedisWholeLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
  lineOf?: Parameters<typeof createRedisAcceptLog>[0]['lineOf'];
}): WholeLog {
  return {
    ...createRedisAcceptLog({ lineOf: noLine, ...options }),
    ...createRedisReadLog(options),
    ...createRedisWishLog(options),
    ...createRedisListenLog(options),
    ...createRedisWriteLog(options),
  };
}
