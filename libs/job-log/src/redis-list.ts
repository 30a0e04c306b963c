/** Lists a tenant's jobs, newest first, from the index; members whose record has expired are taken out on the way. */
import type { Job, JobStatus } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import type { JobList } from './job-log.ts';
import type { Keys } from './keys.ts';
import { jobOfRecord } from './record.ts';

/** One call looks at this many index members at most; a cursor leads on. */
const SCAN_LIMIT = 1_000;
const STEP = 100;

/** `cursor` is 'createdAt:jobId' of the last member looked at. */
export async function listJobs(
  { redis, keys }: { redis: RedisConnection; keys: Keys },
  tenant: string,
  query: { status?: JobStatus; limit: number; cursor?: string },
): Promise<JobList> {
  const index = keys.jobs(tenant);
  const jobs: Job[] = [];
  let cursor = query.cursor;
  for (let seen = 0; seen < SCAN_LIMIT; seen += STEP) {
    const members = await membersAfter(redis, index, cursor);
    const records = await Promise.all(members.map(({ jobId }) => redis.hgetall(keys.record(jobId))));
    for (const [i, { jobId, score }] of members.entries()) {
      cursor = `${score}:${jobId}`;
      const job = jobOfRecord(tenant, jobId, records[i] ?? {});
      // A record that is being created is missing for a moment: only old members are dropped.
      if (!job && Date.now() - score > 60 * 60_000) await redis.zrem(index, jobId);
      if (job && (query.status === undefined || job.status === query.status)) jobs.push(job);
      if (jobs.length === query.limit) return { jobs, cursor };
    }
    if (members.length < STEP) return { jobs, cursor: undefined };
  }
  return { jobs, cursor };
}

async function membersAfter(redis: RedisConnection, index: string, cursor: string | undefined) {
  const [score = '+inf', after = ''] = cursor === undefined ? [] : cursor.split(':');
  const members: { jobId: string; score: number }[] = [];
  // Members of one score are ordered by name, descending here: those up to the cursor's own are skipped, however
  // many jobs were created in that millisecond.
  for (let offset = 0; members.length < STEP; offset += STEP) {
    const range = ['BYSCORE', 'REV', 'LIMIT', offset, STEP, 'WITHSCORES'] as const;
    const reply = await redis.zrange(index, score, '-inf', ...range);
    for (let i = 0; i < reply.length; i += 2) {
      const member = { jobId: reply[i] ?? '', score: Number(reply[i + 1]) };
      if (after === '' || member.score < Number(score) || member.jobId < after) members.push(member);
    }
    if (reply.length < 2 * STEP) break;
  }
  return members.slice(0, STEP);
}
