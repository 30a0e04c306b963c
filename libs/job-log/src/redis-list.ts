/**
 * Lists a tenant's jobs, newest first, or counts them; those whose record has expired are taken out of the indexes on the way. Prompts are
 * not read, and metadata only of the jobs that are shown: a page is bounded in jobs, in bytes, and in work.
 */
import type { Job } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import type { JobCount, JobList, ListQuery } from './job-log.ts';
import type { Keys } from './keys.ts';
import { hasStatus, isAskedFor, type ListFilter } from './list-query.ts';
import { jobOfRecord, readFields } from './record.ts';
import type { Finder, Place } from './redis-finder.ts';
import type { JobIndex } from './redis-index.ts';

/** One call takes so many steps through the indexes at most, and reads so many records; a cursor leads on. */
const MAX_STEPS = 110;
const MAX_RECORDS = 1_000;
/** A page ends with the job whose title and metadata reach this; metadata is read of so few jobs at once. */
const PAGE_TEXT_BYTES = 128 * 1024;
const METADATA_STEP = 10;
/** A record that is being created is missing for a moment: only old ones are dropped. */
const GONE_AFTER_MS = 60 * 60_000;

type Kept = { redis: RedisConnection; keys: Keys; find: Finder; index: Pick<JobIndex, 'drop'> };

/** `cursor` is 'createdAt:jobId' of the last job looked at. */
export async function listJobs(kept: Kept, tenant: string, query: ListQuery): Promise<JobList> {
  const jobs: Job[] = [];
  let bytes = 0;
  let read = 0;
  let behind = query.cursor === undefined ? undefined : placeOf(query.cursor);
  for (let steps = 0; steps < MAX_STEPS && read < MAX_RECORDS; steps += 1) {
    const { places, next } = await kept.find(tenant, query, behind);
    const candidates = await readJobs(kept, tenant, places, query);
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
export async function countJobs(kept: Kept, tenant: string, filter: ListFilter): Promise<JobCount> {
  let jobs = 0;
  let behind: Place | undefined;
  do {
    const { places, next } = await kept.find(tenant, filter, behind);
    const candidates = await readJobs(kept, tenant, places, filter);
    jobs += candidates.filter(({ job }) => isAskedFor(job, { ...filter, metadata: undefined })).length;
    behind = next;
  } while (behind && jobs < MAX_COUNTED);
  return { jobs: Math.min(jobs, MAX_COUNTED), hasMore: behind !== undefined || jobs > MAX_COUNTED };
}

/** The jobs at these places that are there, and have the status. */
async function readJobs(
  { redis, keys, index }: Kept,
  tenant: string,
  places: Place[],
  query: ListFilter,
): Promise<{ place: Place; job: Job }[]> {
  const records = await Promise.all(places.map(({ jobId }) => readFields(redis, keys.record(jobId))));
  const found = places.map((place, i) => ({
    place,
    job: jobOfRecord(tenant, place.jobId, records[i] ?? {}),
  }));
  const gone = found.filter(({ place, job }) => !job && Date.now() - place.score > GONE_AFTER_MS);
  if (gone.length > 0)
    await index.drop(
      tenant,
      gone.map(({ place }) => place.jobId),
    );
  return found.flatMap(({ place, job }) => (job && hasStatus(job, query) ? [{ place, job }] : []));
}

function placeOf(cursor: string): Place {
  const [score, jobId = ''] = cursor.split(':');
  return { score: Number(score), jobId };
}

function cursorOf({ jobId, score }: Place): string {
  return `${score}:${jobId}`;
}
