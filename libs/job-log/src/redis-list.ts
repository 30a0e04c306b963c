/**
 * Lists the jobs of a tenant, or of all, newest first, or counts them; those whose record has expired are taken out of the indexes on the way. Prompts are
 * not read, and metadata only of the jobs that are shown: a page is bounded in jobs, in bytes, and in work.
 */
import { type RedisConnection, unlessItCanWrite } from '@cc-executor/redis';
import type { JobCount, JobList, ListQuery, OwnedJob } from './job-log.ts';
import type { Keys } from './keys.ts';
import { everyTenant, hasStatus, isAskedFor, type ListFilter, type Reach } from './list-query.ts';
import { jobOfRecord, readFields } from './record.ts';
import type { Finder, Place, Standing } from './redis-finder.ts';
import type { JobIndex } from './redis-index.ts';

/** One call takes so many steps through the indexes at most (one of each tenant is always taken), and reads so many records; a cursor leads on. */
const MAX_STEPS = 110;
const MAX_RECORDS = 1_000;
/** A page ends with the job whose title and metadata reach this; metadata is read of so few jobs at once. */
const PAGE_TEXT_BYTES = 128 * 1024;
const METADATA_STEP = 10;
/** A record that is being created is missing for a moment: only old ones are dropped. */
const GONE_AFTER_MS = 60 * 60_000;

type Kept = { redis: RedisConnection; keys: Keys; find: Finder; index: Pick<JobIndex, 'drop'> };

/** `cursor` is 'createdAt:jobId' of the last job looked at. */
export async function listJobs(kept: Kept, reach: Reach, query: ListQuery): Promise<JobList> {
  const tenants = await tenantsIn(kept, reach);
  const jobs: OwnedJob[] = [];
  let bytes = 0;
  let read = 0;
  let behind = query.cursor === undefined ? undefined : placeOf(query.cursor);
  for (let steps = 0; steps < MAX_STEPS && read < MAX_RECORDS; steps += tenants.length) {
    const { places, next } = await kept.find(tenants, query, behind);
    const candidates = await readJobs(kept, places, query);
    read += places.length;
    for (let from = 0; from < candidates.length; from += METADATA_STEP) {
      const step = candidates.slice(from, from + METADATA_STEP);
      const metadata = await Promise.all(
        step.map(({ place }) => kept.redis.hget(kept.keys.record(place.jobId), 'metadata')),
      );
      for (const [i, { place, job }] of step.entries()) {
        const json = metadata[i];
        bytes += Buffer.byteLength(`${json ?? ''}${JSON.stringify(job.title) ?? ''}`);
        const whole = json ? { ...job, metadata: JSON.parse(json) } : job;
        if (isAskedFor(whole, query)) jobs.push(whole);
        if (jobs.length === query.limit || bytes >= PAGE_TEXT_BYTES) return { jobs, cursor: cursorOf(place) };
      }
    }
    if (next === undefined) return { jobs, cursor: undefined };
    behind = next;
  }
  return { jobs, cursor: behind && cursorOf(behind) };
}

/** So many are counted. */
const MAX_COUNTED = 10_000;

/** Counts those of which the records say that they fit; which metadata they have, the indexes alone decide. */
export async function countJobs(kept: Kept, reach: Reach, filter: ListFilter): Promise<JobCount> {
  const tenants = await tenantsIn(kept, reach);
  let jobs = 0;
  let behind: Standing | undefined;
  do {
    const { places, next } = await kept.find(tenants, filter, behind);
    const candidates = await readJobs(kept, places, filter);
    jobs += candidates.filter(({ job }) => isAskedFor(job, { ...filter, metadata: undefined })).length;
    behind = next;
  } while (behind && jobs < MAX_COUNTED);
  return { jobs: Math.min(jobs, MAX_COUNTED), hasMore: behind !== undefined || jobs > MAX_COUNTED };
}

async function tenantsIn({ redis, keys }: Kept, reach: Reach): Promise<readonly string[]> {
  return reach === everyTenant ? redis.smembers(keys.tenants) : [reach];
}

/** The jobs at these places that are there, and have the status. */
async function readJobs(
  { redis, keys, index }: Kept,
  places: Place[],
  query: ListFilter,
): Promise<{ place: Place; job: OwnedJob }[]> {
  const records = await Promise.all(places.map(({ jobId }) => readFields(redis, keys.record(jobId))));
  const found = places.map((place, i) => ({
    place,
    job: jobOfRecord(place.tenant, place.jobId, records[i] ?? {}),
  }));
  const gone = found.filter(({ place, job }) => !job && Date.now() - place.score > GONE_AFTER_MS);
  for (const [tenant, of] of Map.groupBy(gone, ({ place }) => place.tenant)) {
    const jobIds = of.map(({ place }) => place.jobId);
    await index.drop(tenant, jobIds).catch(unlessItCanWrite);
  }
  return found.flatMap(({ place, job }) => (job && hasStatus(job, query) ? [{ place, job }] : []));
}

function placeOf(cursor: string): Standing {
  const [score, jobId = ''] = cursor.split(':');
  return { score: Number(score), jobId };
}

function cursorOf({ jobId, score }: Standing): string {
  return `${score}:${jobId}`;
}
