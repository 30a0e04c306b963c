/** Noting in the records of jobs in Redis who listens to them: the notes end with the record. */
import { type ListenerNote, MAX_LISTENER_NOTES } from '@cc-executor/protocol';
import { keepsOrder, type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { ListenLog } from './job-log.ts';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';
import { together } from './together.ts';

type Noted = { tenant: string; jobId: string; notes: readonly ListenerNote[] };

export function createRedisListenLog({ redis, keys }: { redis: RedisConnection; keys: Keys }): ListenLog {
  const { listened } = defineScripts(redis, 'listened');

  async function note(jobs: readonly Noted[]): Promise<void> {
    const notes = jobs.flatMap((job) => [job.tenant, JSON.stringify(job.notes)]);
    await listened(
      jobs.map(({ jobId }) => keys.record(jobId)),
      [MAX_LISTENER_NOTES, ...notes],
    );
  }

  const noteTogether = together(note);
  return {
    async noteListeners(tenant, jobId, notes) {
      const noted = { tenant, jobId, notes };
      // On a cluster each record has a server of its own.
      await tellErrorsApart(keepsOrder(redis) ? noteTogether('', noted) : note([noted]));
    },
  };
}
