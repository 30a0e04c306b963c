/** What is in Redis when all is over: the jobs, and what should have gone. */
import type { Keys } from '@cc-executor/job-log';
import { type Leftovers, readRawLog, type StoredJob, type TestRedis } from '@cc-executor/testing';

type Admin = TestRedis['admin'];

export async function readStoredJobs(admin: Admin, keys: Keys, jobIds: string[]): Promise<StoredJob[]> {
  return Promise.all(
    jobIds.map(async (jobId) => {
      const [record, log] = await Promise.all([
        admin.hgetall(keys.record(jobId)),
        readRawLog(admin, keys, jobId),
      ]);
      return { jobId, log, ...(Object.keys(record).length === 0 ? {} : { record }) };
    }),
  );
}

/** Looks until nothing is left, or for ten seconds: sweeper and BullMQ tidy up behind the terminal event. */
export async function findLeftovers(redis: TestRedis, keys: Keys, jobIds: string[]): Promise<Leftovers> {
  for (let look = 0; ; look += 1) {
    const left = await lookOnce(redis.admin, keys, jobIds);
    const isClean = Object.values(left).every((list) => list.length === 0);
    if (isClean || look === 100) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function lookOnce(
  admin: Admin,
  keys: Keys,
  jobIds: string[],
): Promise<Required<Omit<Leftovers, 'sockets' | 'subscriptions'>>> {
  const queue = '{cce:queue}:jobs';
  const jobKeys = jobIds.flatMap((jobId) => [keys.record(jobId), keys.log(jobId)]);
  const [due, waiting, active, inLine, handedOut, expiries] = await Promise.all([
    Promise.all([keys.due, keys.claimed, keys.unqueued].map((index) => admin.zrange(index, '0', '-1'))),
    admin.lrange(`${queue}:wait`, 0, -1),
    admin.lrange(`${queue}:active`, 0, -1),
    admin.zrange('{cce:queue}:waiting', '0', '-1'),
    admin.hkeys('{cce:queue}:out'),
    Promise.all(jobKeys.map((key) => admin.pttl(key))),
  ]);
  const keysWithoutExpiry = jobKeys.filter((_, i) => expiries[i] === -1);
  // An index may name a job until it is due: then it is found to have ended.
  const unfinished = due.flat().filter((jobId) => keysWithoutExpiry.includes(keys.record(jobId)));
  const queueEntries = [...waiting, ...active, ...inLine, ...handedOut];
  return { dueJobs: unfinished, queueEntries, keysWithoutExpiry };
}
