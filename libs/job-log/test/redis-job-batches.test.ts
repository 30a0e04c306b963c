/** Batches in Redis: whose they are, what their lines are, that an end is counted once, and how long they live. */
import { createJobId } from '@cc-executor/protocol';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createRedisJobBatches, type JobBatches } from '../src/index.ts';
import { LONGEST_LIFE_MS } from '../src/longest-life.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';

const RETENTION_MS = 60_000;
const error = { code: 'parse_error', message: 'no JSON' } as const;

let twin: RedisTwin;
let batches: JobBatches;
let batchId: string;
let runs = 0;

beforeAll(async () => {
  twin = await openRedisTwin();
  batches = createRedisJobBatches({ ...twin, retentionMs: RETENTION_MS });
});
afterAll(() => twin.close());
beforeEach(async () => {
  runs += 1;
  batchId = `batch_${String(runs).padStart(32, '0')}`;
  await batches.open('tenant', batchId);
});

const keysOf = () => [
  twin.keys.batch(batchId),
  twin.keys.batchLines(batchId),
  twin.keys.batchUnfinished(batchId),
];
const livesMs = () => Promise.all(keysOf().map((key) => twin.redis.pttl(key)));
const lineIds = async () => (await batches.unfinished(batchId, 0, 100)).map(({ line }) => line);

it('is its tenant’s alone', async () => {
  expect(await batches.get('other', batchId)).toBeUndefined();
  expect(await batches.cancel('other', batchId)).toBe(false);
  await batches.close('other', batchId, 'x');
  expect(await batches.get('tenant', batchId)).toMatchObject({ sha256: undefined, lastLine: 0 });
});

it('keeps the job of a line, gives a refused one its job later, and counts what is refused now', async () => {
  const [jobId, other] = [createJobId(), createJobId()];
  expect(await batches.note(batchId, { line: 7, error })).toBe('noted');
  expect(await batches.note(batchId, { line: 7, error })).toBe('noted');
  expect((await batches.get('tenant', batchId))?.ended.refused).toBe(1);
  expect(await batches.note(batchId, { line: 7, jobId })).toBe('noted');
  expect(await batches.note(batchId, { line: 7, jobId })).toBe('noted');
  expect(await batches.note(batchId, { line: 7, jobId: other })).toBe('other');
  expect(await batches.note(batchId, { line: 7, error })).toBe('other');
  await batches.note(batchId, { line: 3, error });
  expect(await batches.get('tenant', batchId)).toMatchObject({ lastLine: 7, ended: { refused: 1 } });
  expect(await batches.lines(batchId, 0, 100)).toEqual([
    { line: 3, error },
    { line: 7, jobId },
  ]);
  expect(await batches.note(`batch_${'f'.repeat(32)}`, { line: 1, jobId })).toBe('missing');
});

it('counts the end of a line once, whoever sees it how often', async () => {
  for (const line of [10, 9, 2]) await batches.note(batchId, { line, jobId: createJobId() });
  expect(await lineIds()).toEqual([2, 9, 10]);
  const ended = { line: 9, end: 'completed' } as const;
  await Promise.all([batches.count(batchId, [ended]), batches.count(batchId, [ended])]);
  expect((await batches.get('tenant', batchId))?.ended.completed).toBe(1);
  expect(await lineIds()).toEqual([2, 10]);
});

it('lives as long as any of its jobs can, and a retention from when the last was seen to have ended', async () => {
  await batches.note(batchId, { line: 1, jobId: createJobId() });
  const longest = LONGEST_LIFE_MS + RETENTION_MS;
  for (const ms of await livesMs()) expect(ms).toBeGreaterThan(longest - 10_000);
  await twin.redis.pexpire(twin.keys.batchLines(batchId), 1_000);
  await batches.count(batchId, []);
  for (const ms of await livesMs()) expect(ms).toBeGreaterThan(longest - 10_000);
  await batches.close('tenant', batchId, 'sha');
  await batches.count(batchId, [{ line: 1, end: 'failed' }]);
  const [batch = 0, lines = 0, unfinished] = await livesMs();
  expect([batch <= RETENTION_MS, lines <= RETENTION_MS, unfinished]).toEqual([true, true, -2]);
});

it('says to whoever brings a line that it is cancelled', async () => {
  expect(await batches.cancel('tenant', batchId)).toBe(true);
  expect(await batches.note(batchId, { line: 1, jobId: createJobId() })).toBe('cancelled');
});
