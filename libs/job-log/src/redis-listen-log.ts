/** Noting in a job's record in Redis who listens to it: the notes end with the record. */
import { MAX_LISTENER_NOTES } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { ListenLog } from './job-log.ts';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

export function createRedisListenLog({ redis, keys }: { redis: RedisConnection; keys: Keys }): ListenLog {
  const { listened } = defineScripts(redis, 'listened');
  return {
    async noteListeners(tenant, jobId, notes) {
      await tellErrorsApart(
        listened([keys.record(jobId)], [tenant, JSON.stringify(notes), MAX_LISTENER_NOTES]),
      );
    },
  };
}
