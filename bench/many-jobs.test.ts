/**
 * That jobs are found among 100,000: by id within 50 ms, by any filter within 300 ms, and without a look at every key. Success is
 * the median of five answers of a gateway over HTTP; what else the machine does only adds to it, so the least of some medians counts.
 */
import { createKeys, DEFAULT_KEY_PREFIX } from '@cc-executor/job-log';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createRedisWholeLog, type Stack, startStack, writeManyJobs } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const COUNT = 100_000;
const ID_MS = 50;
const FILTER_MS = 300;
const ROUNDS = 10;
const LIMIT_MS = 120_000;

let stack: Stack;
let jobIds: string[];
let middle: number;

beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  const onError = () => {
    // The writing itself fails.
  };
  const redis = openRedis(stack.redis.url, { name: 'test', role: 'patient', onError });
  const log = createRedisWholeLog({ redis, keys: createKeys(DEFAULT_KEY_PREFIX), retentionMs: 3_600_000 });
  const older = await writeManyJobs(log, { count: COUNT / 2, tenant: 'default' });
  middle = Date.now();
  jobIds = [...older, ...(await writeManyJobs(log, { count: COUNT / 2, tenant: 'default' }))];
  await closeRedis(redis);
}, 600_000);
afterAll(() => stack.close());

/** How long it took, in ms, once it was within the bound, or at best; each answer has to hold jobs, or none. */
async function ask(query: string, { withinMs, isFound = true }: { withinMs: number; isFound?: boolean }) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && best > withinMs; round += 1) {
    best = Math.min(best, await askFiveTimes(query, isFound));
  }
  return best;
}

/** The median. */
async function askFiveTimes(query: string, isFound: boolean): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const askedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${stack.gateways[0]?.ready.port}/v1/jobs${query}`);
    const answer = (await response.json()) as { jobs?: unknown[]; jobId?: string };
    took.push(performance.now() - askedAt);
    expect(response.status, JSON.stringify(answer)).toBe(200);
    expect(answer.jobId !== undefined || (answer.jobs?.length ?? 0) > 0, query).toBe(isFound);
  }
  return took.sort((a, b) => a - b)[2] ?? 0;
}

test('a job is found by its id and by the beginning of it at once', { timeout: LIMIT_MS }, async () => {
  const jobId = jobIds[12_345] ?? '';
  const withinMs = ID_MS;
  const took = {
    whole: await ask(`/${jobId}`, { withinMs }),
    beginning: await ask(`?idPrefix=${jobId.slice(0, 12)}`, { withinMs }),
  };
  console.log(took);
  for (const ms of Object.values(took)) expect(ms).toBeLessThanOrEqual(ID_MS);
});

test('any filter is answered soon, and no key space is walked', { timeout: LIMIT_MS }, async () => {
  const [since, before] = [`since=${middle}`, `before=${middle}`];
  const queries: Record<string, boolean> = {
    '?limit=50': true,
    ...Object.fromEntries(
      ['completed', 'failed', 'cancelled', 'timed_out'].map((status) => [`?status=${status}`, true]),
    ),
    '?status=unfinished': false,
    '?status=running': false,
    [`?${since}`]: true,
    [`?${before}`]: true,
    [`?status=failed&${before}`]: true,
    '?metadata.customer=7': true,
    '?metadata.row=49999': true,
    '?metadata.customer=7&status=completed': true,
    '?metadata.customer=10&metadata.row=10': true,
    '?metadata.customer=no': false,
    '?text=letter': true,
    '?text=number%2049999': true,
    '?text=nowhere': false,
    '?text=letter&status=failed': true,
    [`?text=invoices&status=timed_out&metadata.customer=92&${since}`]: true,
  };
  const took: Record<string, number> = {};
  for (const [query, isFound] of Object.entries(queries)) {
    took[query] = Math.round(await ask(query, { withinMs: FILTER_MS, isFound }));
  }
  console.log(took);
  for (const [query, ms] of Object.entries(took)) expect(ms, query).toBeLessThanOrEqual(FILTER_MS);
  const stats = await stack.redis.admin.info('commandstats');
  expect(stats).toContain('cmdstat_zrange:');
  expect(stats).not.toMatch(/cmdstat_(keys|scan):/);
});
