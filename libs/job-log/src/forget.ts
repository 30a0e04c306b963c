/** Takes a job that has ended out of the index of what is due, which has a slot of its own; its webhook is due then. */
import type { RedisConnection } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

export type Forget = (jobId: string) => void;

/** Nobody waits for it: what an outage leaves there, a sweeper takes out when it is due. */
export function createForget({ redis, keys }: { redis: RedisConnection; keys: Keys }): Forget {
  const { forget } = defineScripts(redis, 'forget');
  return (jobId) => {
    // A sweeper that is looking at the job then leaves it out.
    forget([keys.due, keys.claimed, keys.webhooks], [jobId]).catch(() => {
      // As above.
    });
  };
}
