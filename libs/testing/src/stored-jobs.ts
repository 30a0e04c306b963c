/** Reads what Redis holds at the end of a run, past all code that could be wrong about it: plain reads of the keys. */
import { type RedisConnection, serversOf } from '@cc-executor/redis';
import type { Leftovers, StoredJob } from './history.ts';

/** Names of a job's keys; `createKeys` of job-log makes them. */
export type JobKeys = { record(jobId: string): string; log(jobId: string): string; due: string };

/** Record and log of each job. */
export function readStoredJobs(
  redis: RedisConnection,
  keys: JobKeys,
  jobIds: string[],
): Promise<StoredJob[]> {
  return Promise.all(
    jobIds.map(async (jobId) => {
      const [record, log] = await Promise.all([
        redis.hgetall(keys.record(jobId)),
        redis.lrange(keys.log(jobId), 0, -1),
      ]);
      return { jobId, log, ...(Object.keys(record).length > 0 ? { record } : {}) };
    }),
  );
}

/**
 * What is left in Redis once all jobs have ended: entries of the queue that wait or run, jobs in the sweeper's index,
 * keys of jobs without an expiry, channels of jobs that somebody listens to.
 */
export async function readLeftovers(
  redis: RedisConnection,
  keys: JobKeys,
  keyPrefix: string,
): Promise<Leftovers> {
  const all = (await Promise.all(serversOf(redis).map((server) => server.keys(`*${keyPrefix}*`)))).flat();
  const jobKeys = all.filter((key) => key.includes('{job_'));
  const lists = all.filter((key) => /:jobs:(?:wait|active|paused)$/.test(key));
  const sets = all.filter((key) => /:jobs:(?:delayed|prioritized|waiting-children)$/.test(key));
  const [ttls, listed, sorted, dueJobs, channels] = await Promise.all([
    Promise.all(jobKeys.map((key) => redis.pttl(key))),
    Promise.all(lists.map((key) => redis.lrange(key, 0, -1))),
    Promise.all(sets.map((key) => redis.zrange(key, '0', '-1'))),
    redis.zrange(keys.due, '0', '-1'),
    Promise.all(serversOf(redis).map((server) => server.pubsub('CHANNELS'))),
  ]);
  return {
    keysWithoutExpiry: jobKeys.filter((_, i) => ttls[i] === -1),
    queueEntries: [...listed, ...sorted].flat().map(String),
    dueJobs: dueJobs.map(String),
    subscriptions: channels
      .flat()
      .map(String)
      .filter((channel) => channel.startsWith(`${keyPrefix}:{job_`)),
  };
}
