/**
 * Fair shares, with two gateways and three workers of which one is killed midway: a tenant with very many jobs beside one with ten,
 * two with weights of 1 and 3, and one that may have a single job at work. FAIR_JOBS=100000 is the promised number.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editKeyFile, makeKey } from '@cc-executor/identity';
import { needs } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';

const MANY = Number(process.env.FAIR_JOBS ?? 600);
const CONCURRENCY = 2;
const SLOTS = 3 * CONCURRENCY;
/** Of one job at upstream, in ms. */
const JOB_MS = 60;
const WEIGHTS = { light: 1, heavy: 3 };
const SHARED_TURNS = 240;
/** A batch may have as many. */
const BATCH_LINES = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'fairness-'));
const tokens = new Map<string, string>();
let faults: FaultStack;

beforeAll(async () => {
  const file = join(folder, 'keys.json');
  const limits = {
    many: {},
    few: {},
    light: { weight: WEIGHTS.light },
    heavy: { weight: WEIGHTS.heavy },
    narrow: { running: 1 },
  };
  const keys = Object.keys(limits).map((tenant) => {
    const { key, token } = makeKey({ label: 'a test', tenant, scopes: ['write'] }, Date.now());
    tokens.set(tenant, token);
    return key;
  });
  const tenants = Object.fromEntries(Object.entries(limits).map(([name, one]) => [name, { limits: one }]));
  editKeyFile(file, () => ({ keys, tenants }));
  const env = { AUTH_MODE: 'keys', AUTH_KEYS_FILE: file, WORKER_CONCURRENCY: `${CONCURRENCY}` };
  faults = await startFaultStack({ gateways: 2, workers: 3, direct: true, env });
});
afterAll(async () => {
  await faults.close();
  rmSync(folder, { recursive: true });
});

type Batch = { batchId: string; jobs: { jobId: string }[] };

async function ask(tenant: string, gateway: number, path: string, init: RequestInit): Promise<Batch> {
  const response = await fetch(`http://127.0.0.1:${faults.stack.gateways[gateway]?.ready.port}/v1${path}`, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${tokens.get(tenant)}` },
  });
  expect(response.status, path).toBeLessThan(300);
  return response.json();
}

let batches = 0;

/** Submits so many jobs of a tenant; whose they are is told by their ids. */
async function submit(
  tenant: string,
  jobs: number,
  gateway: number,
): Promise<{ ids: string[]; batchId: string }> {
  const lines = Array.from({ length: jobs }, () => {
    const { prompt } = faults.plan({ chunks: 2, paceMs: JOB_MS / 2 });
    return `${JSON.stringify({ prompt, retry: 'never' })}\n`;
  });
  batches += 1;
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': `batch-${batches}` };
  const batch = await ask(tenant, gateway, '/batches', { method: 'POST', headers, body: lines.join('') });
  expect(batch.jobs).toHaveLength(jobs);
  return { ids: batch.jobs.map(({ jobId }) => jobId), batchId: batch.batchId };
}

test(`ten jobs beside ${MANY}, weights of 1 and 3, and a single one at work at most, while a worker dies`, {
  timeout: 60_000 + 20 * MANY,
}, async (context) => {
  await needs('throughput')(context);
  const { stack, upstream, redis } = faults;
  const owners = new Map<string, string>();
  async function submitFor(tenant: string, jobs: number, gateway: number) {
    const batch = await submit(tenant, jobs, gateway);
    for (const jobId of batch.ids) owners.set(jobId, tenant);
    return batch;
  }
  const begun = () => upstream.calls().map(({ jobId }) => owners.get(jobId));
  const countOf = (tenants: readonly unknown[], tenant: string) =>
    tenants.filter((one) => one === tenant).length;

  const sizes = Array.from({ length: Math.ceil(MANY / BATCH_LINES) }, (_, i) =>
    Math.min(BATCH_LINES, MANY - i * BATCH_LINES),
  );
  const many: { batchId: string }[] = [];
  for (const [i, size] of sizes.entries()) many.push(await submitFor('many', size, i % 2));

  // Ten beside them: for each of its jobs the tenant waits for one of the other's, besides what has a slot already.
  const few = await submitFor('few', 10, 1);
  const before = upstream.calls().length;
  await expect.poll(() => countOf(begun(), 'few'), { timeout: 20_000, interval: 25 }).toBe(few.ids.length);
  const since = begun().slice(before);
  const untilLast = since.slice(0, since.lastIndexOf('few') + 1);
  expect(countOf(untilLast, 'many')).toBeLessThanOrEqual(few.ids.length + SLOTS);

  // Shares, while a worker dies with what it has.
  const [light, heavy] = await Promise.all([
    submitFor('light', SHARED_TURNS / 2, 0),
    submitFor('heavy', 1.5 * SHARED_TURNS, 1),
    submitFor('narrow', 20, 0),
  ]);
  // Both wait from here on.
  const from = upstream.calls().length;
  const shared = () =>
    begun()
      .slice(from)
      .filter((tenant) => tenant === 'light' || tenant === 'heavy');
  await expect
    .poll(() => shared().length, { timeout: 20_000, interval: 25 })
    .toBeGreaterThan(SHARED_TURNS / 3);
  stack.workers[0]?.kill('SIGKILL');
  await expect
    .poll(() => shared().length, { timeout: 30_000, interval: 25 })
    .toBeGreaterThanOrEqual(SHARED_TURNS);
  const turns = shared().slice(0, SHARED_TURNS);
  const expected = SHARED_TURNS / (WEIGHTS.light + WEIGHTS.heavy);
  expect(countOf(turns, 'light') / expected).toBeGreaterThan(0.95);
  expect(countOf(turns, 'light') / expected).toBeLessThan(1.05);

  // No turn was lost: all ends, and nothing is left of it.
  const cancel = (tenant: string, { batchId }: { batchId: string }) =>
    ask(tenant, 0, `/batches/${batchId}/cancel`, { method: 'POST' });
  await Promise.all([
    cancel('light', light),
    cancel('heavy', heavy),
    ...many.map((one) => cancel('many', one)),
  ]);
  const unfinished = [...light.ids, ...heavy.ids];
  const ended = async () => {
    const statuses = await Promise.all(
      unfinished.map((id) => redis.admin.hget(`cce:{${id}}:record`, 'status')),
    );
    return statuses.filter((status) => status !== 'queued' && status !== 'running').length;
  };
  await expect.poll(ended, { timeout: 30_000, interval: 100 }).toBe(unfinished.length);
  const left = async () => [
    await redis.admin.zcard('{cce:queue}:waiting'),
    await redis.admin.hlen('{cce:queue}:out'),
    await redis.admin.llen('{cce:queue}:jobs:active'),
  ];
  await expect.poll(left, { timeout: 30_000, interval: 100 }).toEqual([0, 0, 0]);
  // Each job was begun once at most, and of the narrow tenant one after another.
  const calls = upstream.calls();
  expect(new Set(calls.map(({ jobId }) => jobId)).size).toBe(calls.length);
  const narrow = calls.filter(({ jobId }) => owners.get(jobId) === 'narrow');
  expect(narrow.length).toBeGreaterThan(10);
  for (const [i, { startedAt }] of narrow.slice(1).entries()) {
    expect(startedAt).toBeGreaterThanOrEqual(narrow[i]?.endedAt ?? Number.POSITIVE_INFINITY);
  }
});
