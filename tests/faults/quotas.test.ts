/**
 * Quotas under load, with two gateways and three workers of which one of each is killed at a random moment: never more than may
 * be, whenever one looks, and nothing is left of it in the end.
 */
import { createKeys } from '@cc-executor/job-log';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';

const JOBS = 8;
/** What each job reserves of its budget; upstream never says what one has cost. */
const RESERVED = 10_000;
const WANTED = 60;
const keys = createKeys('cce');

/** How many records say that their job has not ended, and what the ledger has, at one moment. */
const LOOK = `
local unfinished = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local status = redis.call('HGET', 'cce:{' .. id .. '}:record', 'status')
  if status == 'queued' or status == 'running' then unfinished = unfinished + 1 end
end
return { unfinished, tonumber(redis.call('HGET', KEYS[2], 'default jobs') or 0), redis.call('ZCARD', KEYS[1]) }`;

let faults: FaultStack;
beforeAll(async () => {
  const env = { QUOTA_JOBS: `${JOBS}`, QUOTA_USD_PER_DAY: '1000', WORKER_CONCURRENCY: '2' };
  faults = await startFaultStack({ gateways: 2, workers: 3, direct: true, env });
});
afterAll(() => faults.close());

test('are never passed, and free again in the end, whoever dies', { timeout: 60_000 }, async () => {
  const { stack, redis } = faults;
  const look = async () => {
    const seen = (await redis.admin.eval(LOOK, 2, keys.jobs('default'), keys.ledger)) as number[];
    const [unfinished = 0, taken = 0, all = 0] = seen;
    expect(unfinished).toBeLessThanOrEqual(JOBS);
    // Charged and settled in the steps that make a job and end it.
    expect(taken).toBe(unfinished);
    return { taken, all };
  };
  const counts = { accepted: 0, refused: 0, unanswered: 0 };

  async function submit(gateway: number): Promise<void> {
    const { prompt } = faults.plan({ chunks: 1 + Math.floor(Math.random() * 8), paceMs: 10 });
    const response = await fetch(`http://127.0.0.1:${stack.gateways[gateway]?.ready.port}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt, maxBudgetUsd: RESERVED / 1e6 }),
    }).catch(() => undefined);
    if (response === undefined) counts.unanswered += 1;
    else if (response.status === 201) counts.accepted += 1;
    else {
      expect(await response.json()).toMatchObject({ code: 'quota_exceeded' });
      counts.refused += 1;
    }
    await response?.text().catch(() => '');
  }

  /** As fast as it is answered, until enough has been accepted. */
  async function press(gateway: number): Promise<void> {
    while (counts.accepted < WANTED) {
      await submit(gateway);
      await look();
    }
  }

  const killAt = Math.floor(WANTED * (0.2 + 0.5 * Math.random()));
  async function kill(): Promise<void> {
    await expect.poll(() => counts.accepted, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(killAt);
    for (const victim of [stack.workers[0], stack.gateways[1]]) victim?.kill('SIGKILL');
    await Promise.all([stack.workers[0]?.exited, stack.gateways[1]?.exited]);
    await faults.revive();
  }
  await Promise.all([press(0), press(0), press(1), press(1), kill()]);

  // Only with all places taken.
  expect(counts.refused).toBeGreaterThan(0);
  await expect.poll(async () => (await look()).taken, { timeout: 10 * LEASE_MS, interval: 50 }).toBe(0);
  expect(await redis.admin.hlen(keys.charged)).toBe(0);
  const { all } = await look();
  expect(all).toBeGreaterThanOrEqual(counts.accepted);
  // Every job that was accepted, answered or not, has kept what it had reserved, and nothing else is there.
  const ledger = await redis.admin.hgetall(keys.ledger);
  const spent = Object.entries(ledger).map(([account, amount]) => {
    expect(account).toMatch(/^default usd \d{4}-\d\d-\d\d$/);
    return Number(amount);
  });
  expect(spent.reduce((sum, one) => sum + one, 0)).toBe(all * RESERVED);
});
