/**
 * Batches in Redis, each on a slot of its own: a hash of what it is, a hash of its lines, a sorted set of those whose jobs
 * are not known to have ended. It lives at least as long as the records of its jobs.
 */
import { type BatchJob, terminalStatuses } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { JobBatch, JobBatches, LineEnd, NoteCode, UnfinishedLine } from './job-batches.ts';
import type { Keys } from './keys.ts';
import { LONGEST_LIFE_MS } from './longest-life.ts';
import { createOwnFields } from './own-fields.ts';
import { defineScripts } from './scripts.ts';

const counted: readonly (LineEnd | 'refused')[] = [...terminalStatuses, 'expired', 'refused'];
const batchFields = ['createdAt', 'lastLine', 'sha256', ...counted] as const;

/** @param options.retentionMs how long an ended job can be read, in ms */
export function createRedisJobBatches(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): JobBatches {
  const { redis, keys, retentionMs } = options;
  const scripts = defineScripts(redis, 'batchOpen', 'batchNote', 'batchChange', 'batchCount');
  const own = createOwnFields(redis);
  const ttlMs = retentionMs + LONGEST_LIFE_MS;
  const keysOf = (batchId: string) => [
    keys.batch(batchId),
    keys.batchLines(batchId),
    keys.batchUnfinished(batchId),
  ];

  async function get(tenant: string, batchId: string): Promise<JobBatch | undefined> {
    const fields = await own(tenant, keys.batch(batchId), batchFields);
    if (fields === undefined) return undefined;
    return {
      createdAt: Number(fields.createdAt),
      lastLine: Number(fields.lastLine ?? 0),
      sha256: fields.sha256,
      ended: Object.fromEntries(counted.map((end) => [end, Number(fields[end] ?? 0)])) as JobBatch['ended'],
    };
  }

  async function open(tenant: string, batchId: string): Promise<JobBatch> {
    await scripts.batchOpen([keys.batch(batchId)], [tenant, ttlMs]);
    const batch = await get(tenant, batchId);
    if (!batch) throw new Error('the batch is gone, or of another tenant');
    return batch;
  }

  async function lines(batchId: string, afterLine: number, limit: number): Promise<BatchJob[]> {
    const numbers = Array.from({ length: limit }, (_, i) => afterLine + 1 + i);
    const held = await redis.hmget(keys.batchLines(batchId), ...numbers.map(String));
    return numbers.flatMap((line, i) => {
      const value = held[i];
      return value ? [lineOf(line, value)] : [];
    });
  }

  async function unfinished(batchId: string, afterLine: number, limit: number): Promise<UnfinishedLine[]> {
    const range = [`(${afterLine}`, '+inf', 'BYSCORE', 'LIMIT', 0, limit] as const;
    const numbers = await redis.zrange(keys.batchUnfinished(batchId), ...range);
    if (numbers.length === 0) return [];
    const jobIds = await redis.hmget(keys.batchLines(batchId), ...numbers);
    return numbers.map((line, i) => ({ line: Number(line), jobId: jobIds[i] ?? '' }));
  }

  async function change(tenant: string, batchId: string, sha256: string): Promise<boolean> {
    const [code] = await scripts.batchChange([keys.batch(batchId)], [tenant, sha256]);
    return code === 'changed';
  }

  return {
    open: (tenant, batchId) => tellErrorsApart(open(tenant, batchId)),
    async note(batchId, { line, jobId, error }) {
      const value = jobId ?? JSON.stringify(error);
      const [code] = await tellErrorsApart(scripts.batchNote(keysOf(batchId), [ttlMs, line, value]));
      return code as NoteCode;
    },
    async close(tenant, batchId, sha256) {
      await tellErrorsApart(change(tenant, batchId, sha256));
    },
    get: (tenant, batchId) => tellErrorsApart(get(tenant, batchId)),
    ownerOf: async (batchId) =>
      (await tellErrorsApart(redis.hget(keys.batch(batchId), 'tenant'))) ?? undefined,
    lines: (...args) => tellErrorsApart(lines(...args)),
    unfinished: (...args) => tellErrorsApart(unfinished(...args)),
    async count(batchId, ended) {
      const pairs = ended.flatMap(({ line, end }) => [line, end]);
      await tellErrorsApart(scripts.batchCount(keysOf(batchId), [ttlMs, retentionMs, ...pairs]));
    },
    cancel: (tenant, batchId) => tellErrorsApart(change(tenant, batchId, '')),
  };
}

/** A line's value is its job's id, or the error as JSON. */
function lineOf(line: number, value: string): BatchJob {
  return value.startsWith('{') ? { line, error: JSON.parse(value) } : { line, jobId: value };
}
