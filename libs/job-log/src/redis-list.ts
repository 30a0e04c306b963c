/**
 * Lists a tenant's jobs, newest first, from the index; members whose record has expired are taken out on the way.
 * Prompts are not read, and metadata only of the jobs that are shown: a page is bounded in jobs and in bytes.
 */
import type { Job, JobStatus } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import type { JobList, ListQuery } from './job-log.ts';
import type { Keys } from './keys.ts';
import { jobOfRecord, readFields } from './record.ts';

/** One call looks at this many index members at most; a cursor leads on. */
const SCAN_LIMIT = 1_000;
const STEP = 100;
/** A page ends with the job whose metadata reaches this; metadata is read of so few jobs at once. */
const PAGE_METADATA_BYTES = 128 * 1024;
const METADATA_STEP = 10;

type Kept = { redis: RedisConnection; keys: Keys };
type Member = { jobId: string; score: number };

/** `cursor` is 'createdAt:jobId' of the last member looked at. */
export async function listJobs(kept: Kept, tenant: string, query: ListQuery): Promise<JobList> {
  const jobs: Job[] = [];
  let bytes = 0;
  let cursor = query.cursor;
  for (let seen = 0; seen < SCAN_LIMIT; seen += STEP) {
    const members = await membersAfter(kept, tenant, { ...query, cursor });
    const matching = await matchingJobs(kept, tenant, members, query.status);
    for (let from = 0; from < matching.length; from += METADATA_STEP) {
      const step = matching.slice(from, from + METADATA_STEP);
      const metadata = await Promise.all(
        step.map(({ member }) => kept.redis.hget(kept.keys.record(member.jobId), 'metadata')),
      );
      for (const [i, { member, job }] of step.entries()) {
        const json = metadata[i];
        bytes += json ? Buffer.byteLength(json) : 0;
        jobs.push(json ? { ...job, metadata: JSON.parse(json) } : job);
        if (jobs.length === query.limit || bytes >= PAGE_METADATA_BYTES)
          return { jobs, cursor: cursorOf(member) };
      }
    }
    const last = members.at(-1);
    if (members.length < STEP || last === undefined) return { jobs, cursor: undefined };
    cursor = cursorOf(last);
  }
  return { jobs, cursor };
}

/** The jobs of these members that are there, and have the status. */
async function matchingJobs(
  { redis, keys }: Kept,
  tenant: string,
  members: Member[],
  status: JobStatus | undefined,
): Promise<{ member: Member; job: Job }[]> {
  const records = await Promise.all(members.map(({ jobId }) => readFields(redis, keys.record(jobId))));
  const matching: { member: Member; job: Job }[] = [];
  for (const [i, member] of members.entries()) {
    const job = jobOfRecord(tenant, member.jobId, records[i] ?? {});
    // A record that is being created is missing for a moment: only old members are dropped.
    if (!job && Date.now() - member.score > 60 * 60_000) await redis.zrem(keys.jobs(tenant), member.jobId);
    if (job && (status === undefined || job.status === status)) matching.push({ member, job });
  }
  return matching;
}

async function membersAfter(
  { redis, keys }: Kept,
  tenant: string,
  {
    cursor,
    since = 0,
    before = Number.POSITIVE_INFINITY,
  }: Pick<ListQuery, 'since' | 'before'> & { cursor: string | undefined },
) {
  const [at, after] = cursor === undefined ? [Number.POSITIVE_INFINITY, ''] : placeOf(cursor);
  // Whole milliseconds: before one is up to the one that precedes it.
  const last = Math.min(at, before - 1);
  const score = last === Number.POSITIVE_INFINITY ? '+inf' : String(last);
  const members: Member[] = [];
  // Members of one score are ordered by name, descending here: those up to the cursor's own are skipped, however
  // many jobs were created in that millisecond.
  for (let offset = 0; members.length < STEP; offset += STEP) {
    const range = ['BYSCORE', 'REV', 'LIMIT', offset, STEP, 'WITHSCORES'] as const;
    const reply = await redis.zrange(keys.jobs(tenant), score, String(since), ...range);
    for (let i = 0; i < reply.length; i += 2) {
      const member = { jobId: reply[i] ?? '', score: Number(reply[i + 1]) };
      if (after === '' || member.score < at || member.jobId < after) members.push(member);
    }
    if (reply.length < 2 * STEP) break;
  }
  return members.slice(0, STEP);
}

function placeOf(cursor: string): [score: number, jobId: string] {
  const [score, jobId = ''] = cursor.split(':');
  return [Number(score), jobId];
}

function cursorOf({ jobId, score }: Member): string {
  return `${score}:${jobId}`;
}
