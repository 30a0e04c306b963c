/** What of a record whoever traces jobs needs, whosever job it is: what a trace says besides is nobody's business. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';

/** Times are Unix times in ms. */
type JobTrace = {
  jobId: string;
  tenant: string;
  traceparent?: string;
  status: string;
  failure?: string;
  createdAt: number;
  /** When its first attempt began. */
  startedAt?: number;
  /** When its last attempt began. */
  begunAt?: number;
  endedAt?: number;
};

export type TraceLog = {
  /** Undefined when there is no record. */
  read(jobId: string): Promise<JobTrace | undefined>;
};

const TEXTS = ['tenant', 'traceparent', 'status', 'failure'];
const TIMES = ['createdAt', 'startedAt', 'begunAt', 'endedAt'];

export function createRedisTraceLog({ redis, keys }: { redis: RedisConnection; keys: Keys }): TraceLog {
  return {
    async read(jobId) {
      const values = await tellErrorsApart(redis.hmget(keys.record(jobId), ...TEXTS, ...TIMES));
      const there = [...TEXTS, ...TIMES].flatMap((name, i) => {
        const value = values[i];
        return value == null ? [] : [[name, TIMES.includes(name) ? Number(value) : value]];
      });
      const record = Object.fromEntries(there);
      return record.status === undefined ? undefined : { jobId, ...record };
    },
  };
}
