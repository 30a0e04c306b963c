/** Takes a job that has ended out of the index of what is due, which has a slot of its own. */
import type { RedisConnection } from '@cc-executor/redis';
import type { Keys } from './keys.ts';

/** Nobody waits for it: what an outage leaves there, a sweeper takes out when it is due. */
export function forget({ redis, keys }: { redis: RedisConnection; keys: Keys }, jobId: string): void {
  // A sweeper that is looking at the job then leaves it out.
  for (const index of [keys.due, keys.claimed]) {
    redis.zrem(index, jobId).catch(() => {
      // As above.
    });
  }
}
