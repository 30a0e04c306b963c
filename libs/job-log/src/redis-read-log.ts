/** Reading records and logs in Redis, each for its own tenant: the job of another is missing, and looks like it. */
import { eventTexts, isTerminal, type Job, type JobStatus } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { JobSpec, Page, Position, ReadLog, StoredJob, Stretch } from './job-log.ts';
import { type BodyPage, bodyFields, pageOf } from './kept-body.ts';
import type { Keys } from './keys.ts';
import { createOwnFields } from './own-fields.ts';
import { jobFields, jobOfRecord } from './record.ts';
import { createFinder } from './redis-finder.ts';
import { createJobIndex } from './redis-index.ts';
import { countJobs, listJobs } from './redis-list.ts';
import { defineRange } from './scripts.ts';
import { isWhole, parseHead, type StoredBatch } from './stored-batch.ts';
import { deliveryOf, webhookFields, webhookOf } from './webhook-log.ts';

const storedFields = [
  ...[...jobFields, 'metadata', 'onDisconnect', 'listeners', 'moreListeners'],
  ...webhookFields,
];

/** @param options.retentionMs how long an ended job can be read, in ms */
export function createRedisReadLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): ReadLog {
  const { redis, keys } = options;
  const listing = { redis, keys, find: createFinder(options), index: createJobIndex(options) };
  const readRange = defineRange(redis);
  const own = createOwnFields(redis);

  async function range(
    tenant: string,
    jobId: string,
    { afterSeq, maxEvents, maxBytes, headBytes = 0 }: Stretch,
  ): Promise<Page | undefined> {
    const [epoch, lastSeq, status, ...parts] = await readRange(
      [keys.record(jobId), keys.log(jobId)],
      [tenant, afterSeq, maxEvents, maxBytes, headBytes],
    );
    if (epoch === undefined) return undefined;
    const position = { epoch: String(epoch), lastSeq: Number(lastSeq), status: String(status) as JobStatus };
    const batches: StoredBatch[] = [];
    for (let i = 0; i < parts.length; i += 4) {
      const head = parseHead(String(parts[i]));
      const [first, last, bodies] = parts.slice(i + 1) as [number, number, Buffer];
      const batch = head && { jobId, epoch: position.epoch, ...head, firstSeq: first, lastSeq: last, bodies };
      // What is not as it was written ends the page: there is a hole.
      if (!batch || !isWhole(batch)) break;
      batches.push(batch);
    }
    return { ...position, batches };
  }

  async function positions(tenant: string, jobIds: string[]) {
    const found = new Map<string, Position>();
    await Promise.all(
      jobIds.map(async (jobId) => {
        const { epoch, seq, status } =
          (await own(tenant, keys.record(jobId), ['epoch', 'seq', 'status'])) ?? {};
        if (!epoch || !status) return;
        found.set(jobId, { epoch, lastSeq: Number(seq), status: status as JobStatus });
      }),
    );
    return found;
  }

  async function get(tenant: string, jobId: string): Promise<StoredJob | undefined> {
    const record = (await own(tenant, keys.record(jobId), storedFields)) ?? {};
    const job = jobOfRecord(tenant, jobId, record);
    if (!job) return undefined;
    // The last events of a job that runs can be as long as what a tool printed.
    const terminalEvent = isTerminal(job.status) ? await readTerminalEvent(job) : undefined;
    const webhook = webhookOf(jobId, record);
    return {
      job,
      mayBeAbandoned: record.onDisconnect === 'cancel',
      terminalEvent,
      listeners: JSON.parse(record.listeners ?? '[]'),
      moreListeners: Number(record.moreListeners ?? 0),
      ...(webhook && { delivery: deliveryOf(webhook) }),
    };
  }

  async function readTerminalEvent({ jobId, epoch }: Job): Promise<string | undefined> {
    const [line = '', bodies] = await redis.lrangeBuffer(keys.log(jobId), -2, -1);
    const head = parseHead(String(line));
    return head && bodies && eventTexts({ jobId, epoch, ...head, bodies }).at(-1);
  }

  async function ownerOf(jobId: string): Promise<string | undefined> {
    return (await redis.hget(keys.record(jobId), 'tenant')) ?? undefined;
  }

  async function spec(tenant: string, jobId: string): Promise<JobSpec | undefined> {
    const found = await own(tenant, keys.record(jobId), ['spec', 'metadata', 'webhook']);
    if (!found?.spec) return undefined;
    const [metadata, webhook] = [found.metadata, found.webhook].map((text) => text && JSON.parse(text));
    return { ...JSON.parse(found.spec), ...(metadata && { metadata }), ...(webhook && { webhook }) };
  }

  async function body(
    tenant: string,
    jobId: string,
    { seq, offset }: { seq: number; offset: number },
  ): Promise<BodyPage | undefined> {
    const names = bodyFields(seq, offset);
    const found = await own(tenant, keys.record(jobId), names);
    return found && pageOf(found[names[0]], found[names[1]]);
  }

  return {
    range: (...args) => tellErrorsApart(range(...args)),
    positions: (tenant, jobIds) => tellErrorsApart(positions(tenant, jobIds)),
    get: (tenant, jobId) => tellErrorsApart(get(tenant, jobId)),
    spec: (...args) => tellErrorsApart(spec(...args)),
    body: (...args) => tellErrorsApart(body(...args)),
    list: (reach, query) => tellErrorsApart(listJobs(listing, reach, query)),
    count: (reach, filter) => tellErrorsApart(countJobs(listing, reach, filter)),
    ownerOf: (jobId) => tellErrorsApart(ownerOf(jobId)),
  };
}
