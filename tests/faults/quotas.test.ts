/**
 * Quotas under load, with two gateways and three workers of which one of each is killed at a random moment: never more than may
 * be, whenever one looks, and nothing is left of it in the end.
 */
import { createKeys } from '@cc-executor/job-log';
import { needs } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultStack, LEASE_MS, startFaultStack } from './harness.ts';

const JOBS = 8;
const ATTACHMENTS = 3;
const REQUESTS = 2;
/** What each job reserves of its budget; upstream never says what one has cost. */
const RESERVED = 10_000;
const TOKENS = 500;
const WANTED = 60;
const keys = createKeys('cce');

/** How many records say that their job has not ended, what the ledger has, and how far that is from what jobs have put out, at one moment. */
const LOOK = `
local unfinished = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local status = redis.call('HGET', 'cce:{' .. id .. '}:record', 'status')
  if status == 'queued' or status == 'running' then unfinished = unfinished + 1 end
end
local function taken(name)
  return tonumber(redis.call('HGET', KEYS[2], 'default ' .. name) or 0)
end
local counted, wrong = 0, 0
local outputs = redis.call('HGETALL', KEYS[3])
for i = 1, #outputs, 2 do
  local bytes = tonumber(string.match(outputs[i + 1], '^%d+'))
  local r = redis.call('HMGET', 'cce:{' .. outputs[i] .. '}:record', 'logBytes', 'bodyBytes')
  if r[1] and tonumber(r[1]) + tonumber(r[2] or 0) ~= bytes then wrong = wrong + 1 end
  counted = counted + bytes
end
return { unfinished, taken('jobs'), taken('attachments'), taken('requests'),
  taken('output'), taken('output') - counted, wrong }`;

let faults: FaultStack;
beforeAll(async () => {
  const env = {
    QUOTA_JOBS: `${JOBS}`,
    QUOTA_USD_PER_DAY: '1000',
    QUOTA_TOKENS_PER_MONTH: '1000000000',
    QUOTA_TOKENS_PER_JOB: `${TOKENS}`,
    QUOTA_ATTACHMENTS: `${ATTACHMENTS}`,
    QUOTA_REQUESTS: `${REQUESTS}`,
    QUOTA_OUTPUT: '1gb',
    JOB_RETENTION_MS: '3000',
    // So few that jobs pile up up to the quota, however slowly they are submitted.
    WORKER_CONCURRENCY: '1',
  };
  faults = await startFaultStack({ gateways: 2, workers: 3, direct: true, env });
});
afterAll(() => faults.close());

test('are never passed, and free again in the end, whoever dies', { timeout: 60_000 }, async (context) => {
  await needs('throughput')(context);
  const { stack, redis } = faults;
  /** All that were ever listed: the list forgets what has expired. */
  const known = new Set<string>();
  const look = async () => {
    for (const jobId of await redis.admin.zrange(keys.jobs('default'), '0', '-1')) known.add(jobId);
    const seen = (await redis.admin.eval(
      LOOK,
      3,
      keys.jobs('default'),
      keys.ledger,
      keys.outputs,
    )) as number[];
    const [unfinished = 0, taken = 0, attachments = 0, requests = 0, ...output] = seen;
    expect(unfinished).toBeLessThanOrEqual(JOBS);
    expect(attachments).toBeLessThanOrEqual(ATTACHMENTS);
    expect(requests).toBeLessThanOrEqual(REQUESTS);
    // Charged and settled in the steps that make a job and end it.
    expect(taken).toBe(unfinished);
    const [outputs = 0, ...off] = output;
    expect(off).toEqual([0, 0]);
    return { taken, underWay: attachments + requests, outputs };
  };
  const counts = { accepted: 0, listening: 0 };
  const refused = { jobs: 0, attachments: 0, requests: 0 };

  /** Undefined: nobody answered, or with a refusal. */
  async function ask(gateway: number, path: string, init?: RequestInit): Promise<Response | undefined> {
    const url = `http://127.0.0.1:${stack.gateways[gateway]?.ready.port}/v1/jobs${path}`;
    const response = await fetch(url, init).catch(() => undefined);
    if (response === undefined || response.ok) return response;
    const { code, detail } = (await response.json()) as { code: string; detail: string };
    expect(code).toBe('quota_exceeded');
    refused[/quota (\w+)/.exec(detail)?.[1] as keyof typeof refused] += 1;
    return undefined;
  }

  const post = (gateway: number, body: object) =>
    ask(gateway, '', {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ maxBudgetUsd: RESERVED / 1e6, ...body }),
    });

  async function submit(gateway: number): Promise<void> {
    const { prompt } = faults.plan({ chunks: 1 + Math.floor(Math.random() * 8), paceMs: 50 });
    const response = await post(gateway, { prompt });
    if (response) counts.accepted += 1;
    await response?.text().catch(() => '');
  }

  // It does not end, whoever dies: so a stream ends only because of its listener, or of its gateway.
  const endless = { prompt: faults.plan({ chunks: 10_000 }).prompt, retry: 'always', maxAttempts: 2 };
  const listenedTo = (await (await post(0, endless))?.json()) as { jobId: string };

  async function listen(gateway: number): Promise<void> {
    const away = new AbortController();
    const stream = await ask(gateway, `/${listenedTo.jobId}/events`, { signal: away.signal });
    if (!stream) return;
    counts.listening += 1;
    expect(counts.listening).toBeLessThanOrEqual(ATTACHMENTS);
    const reader = stream.body?.getReader();
    for (let chunks = Math.random() * 3; chunks > 0; chunks -= 1) await reader?.read().catch(() => undefined);
    counts.listening -= 1;
    away.abort();
  }

  /** Only with all places taken is anybody refused. */
  const isEnough = () => counts.accepted >= WANTED && Object.values(refused).every((count) => count > 0);

  /** As fast as it is answered, until enough has been accepted, and refused. */
  async function press(gateway: number): Promise<void> {
    while (!isEnough()) {
      await submit(gateway);
      await look();
    }
  }

  async function listenOn(gateway: number): Promise<void> {
    while (!isEnough()) await listen(gateway);
  }

  const killAt = Math.floor(WANTED * (0.2 + 0.5 * Math.random()));
  async function kill(): Promise<void> {
    await expect.poll(() => counts.accepted, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(killAt);
    for (const victim of [stack.workers[0], stack.gateways[1]]) victim?.kill('SIGKILL');
    await Promise.all([stack.workers[0]?.exited, stack.gateways[1]?.exited]);
    await faults.revive();
  }
  const both = [0, 1, 0, 1];
  await Promise.all([...both.map(press), ...both.map(listenOn), kill()]);

  await expect.poll(() => ask(0, `/${listenedTo.jobId}/cancel`, { method: 'POST' })).toBeDefined();
  await expect.poll(async () => (await look()).taken, { timeout: 10 * LEASE_MS, interval: 50 }).toBe(0);
  await expect.poll(async () => (await look()).underWay, { timeout: 10_000, interval: 50 }).toBe(0);
  // Gone with the last record.
  await expect.poll(async () => (await look()).outputs, { timeout: 10_000, interval: 50 }).toBe(0);
  expect(await redis.admin.hlen(keys.charged)).toBe(0);
  // Every job that was accepted, answered or not, has kept what it had reserved, the endless one for two attempts, and nothing else
  // is there.
  expect(known.size).toBeGreaterThanOrEqual(counts.accepted);
  const spent = { usd: 0, tokens: 0 };
  for (const [account, amount] of Object.entries(await redis.admin.hgetall(keys.ledger))) {
    const kind = /^default (usd \d{4}-\d\d-\d\d|tokens \d{4}-\d\d)$/.exec(account)?.[1]?.split(' ')[0];
    spent[kind as keyof typeof spent] += Number(amount);
  }
  const reserved = known.size + 1;
  expect(spent).toEqual({ usd: reserved * RESERVED, tokens: reserved * TOKENS });
});
