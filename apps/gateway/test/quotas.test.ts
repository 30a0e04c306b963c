/** What a tenant and a key may hold: refused beyond it, at every door, told by `me`, and free again when it is over. */
import type { Identity, Terms } from '@cc-executor/identity';
import { connectWire, type WireClient } from '@cc-executor/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { completed, output, provideRig, type Rig, type TestGateway, takeJob } from './harness.ts';

let rig: Rig;
let gateway: TestGateway;
let terms: Terms;
const clients: WireClient[] = [];

provideRig((made) => {
  rig = made;
});

const keyring = {
  identify: (who: string): Identity => ({
    ...{ tenant: 'acme', scopes: ['write'], who, proof: { kind: 'key', id: who, secret: '' } },
  }),
  standing: () => 'good' as const,
  termsOf: () => terms,
};

beforeEach(async () => {
  terms = { tenant: {} };
  gateway = await rig.gateway({ keyring, quotas: { jobs: 2 } });
});

const headers = { authorization: 'Bearer key_1' };

async function connect({ url } = gateway): Promise<WireClient> {
  const client = await connectWire(url, { headers });
  clients.push(client);
  await client.until(({ method }) => method === 'connected');
  return client;
}

const submit = (body: object = {}) =>
  fetch(`http://127.0.0.1:${gateway.port}/v1/jobs`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'x', ...body }),
  });

async function quotas(): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/me`, { headers });
  const { quotas: told } = await response.json();
  return Object.fromEntries(
    told.map(({ of, name, ...rest }: Record<string, unknown>) => [`${of} ${name}`, rest]),
  );
}

describe('what jobs hold', () => {
  test('is refused beyond the quota, with when to ask again, and there is room again when one has ended', async () => {
    const client = await connect();
    const [first] = [await client.request('execute', { prompt: 'x', attach: false, idempotencyKey: 'k' })];
    expect((await submit()).status).toBe(201);
    const refused = await submit();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({
      ...{ code: 'quota_exceeded', retryable: true, retryAfterMs: 1_000 },
      detail: expect.stringContaining('jobs of the tenant is reached: 2 of 2'),
    });
    const { error } = await client.request('execute', { prompt: 'x' });
    expect(error).toMatchObject({ code: -32042, data: { code: 'quota_exceeded' } });
    // What is there needs no room.
    const again = await client.request('execute', { prompt: 'x', attach: false, idempotencyKey: 'k' });
    expect(again.result).toMatchObject({ jobId: first?.result.jobId, created: false });
    expect(await quotas()).toEqual({ 'tenant jobs': { limit: 2, taken: 2 } });

    // Nothing of what was refused waits for a worker.
    expect(await gateway.producer.depth()).toMatchObject({ waiting: 2 });
    await (await takeJob(rig.log, first?.result.jobId)).end(completed);
    expect(await quotas()).toEqual({ 'tenant jobs': { limit: 2, taken: 1 } });
    expect((await submit()).status).toBe(201);
  });

  test('is counted for the key, too, in bytes, and as the limits are now', async () => {
    terms = { tenant: { jobs: 50 }, key: { bytes: 1_000 } };
    expect((await submit({ prompt: 'x'.repeat(600) })).status).toBe(201);
    const refused = await submit({ prompt: 'x'.repeat(600) });
    expect((await refused.json()).detail).toMatch(/bytes of the key is reached: 6\d\d of 1000 are taken/);
    const { 'key bytes': bytes } = await quotas();
    expect(bytes).toMatchObject({ limit: 1_000, taken: expect.closeTo(612, -2) });
    // It would be refused for ever: that is no matter of waiting.
    const huge = await submit({ prompt: 'x'.repeat(2_000) });
    expect([huge.status, (await huge.json()).code]).toEqual([403, 'beyond_ceiling']);
    terms = { tenant: {}, key: {} };
    expect((await submit({ prompt: 'x'.repeat(600) })).status).toBe(201);
  });
});

test('while jobs hold as much output as they may, nothing new is accepted, and what runs goes on', async () => {
  terms = { tenant: { jobs: 50, output: 500 } };
  const [first, other] = [await submit(), await submit()];
  const attempt = await takeJob(rig.log, (await first.json()).jobId);
  await attempt.write(output('x'.repeat(600)));
  const refused = await submit();
  expect(refused.status).toBe(429);
  // Nobody knows when one will have ended.
  expect(await refused.json()).toMatchObject({
    ...{ code: 'quota_exceeded', retryAfterMs: 1_000 },
    detail: expect.stringMatching(
      /output of the tenant is reached: 6\d\d of 500 are taken, by the events of jobs/,
    ),
  });
  await attempt.write(output('more'));
  await (await takeJob(rig.log, (await other.json()).jobId)).write(output('of another'));
  await attempt.end(completed);
  const { 'tenant output': taken } = await quotas();
  expect(taken).toEqual({ limit: 500, taken: expect.closeTo(824, -1) });
  // Until what has ended is gone.
  await expect.poll(async () => (await (await submit()).json()).retryAfterMs).toBeGreaterThan(50_000);
});

describe('a budget', () => {
  const budget = (more: object = {}) => ({ maxBudgetUsd: 2, ...more });

  test('is reserved from the job that says what it may cost, and told with when it is whole again', async () => {
    terms = { tenant: { jobs: 50, usdPerDay: 5, usdPerMonth: 100, tokensPerDay: 10 } };
    const unsaid = await submit();
    expect(await unsaid.json()).toMatchObject({
      code: 'beyond_ceiling',
      detail: expect.stringContaining('maxBudgetUsd'),
    });
    expect((await submit(budget())).status).toBe(201);
    expect((await submit(budget())).status).toBe(201);
    const refused = await submit(budget());
    const { code, retryAfterMs, detail } = await refused.json();
    expect([refused.status, code]).toEqual([429, 'quota_exceeded']);
    expect(detail).toContain('usdPerDay of the tenant is reached: 4 of 5 are taken, and this needs 2');
    const now = Date.now();
    const midnight = new Date(now).setUTCHours(24, 0, 0, 0);
    expect(now + retryAfterMs).toBeGreaterThan(midnight - 5_000);
    expect(now + retryAfterMs).toBeLessThanOrEqual(midnight + 5_000);
    const { 'tenant usdPerDay': day, 'tenant usdPerMonth': month } = await quotas();
    expect(day).toEqual({ limit: 5, taken: 4, resetsAt: midnight });
    expect(month).toMatchObject({ limit: 100, taken: 4 });
  });

  test('in tokens is reserved from what a job is said to take, and settled by what it took', async () => {
    terms = { tenant: { jobs: 50, tokensPerDay: 100, tokensPerJob: 40 }, key: { tokensPerMonth: 1_000 } };
    const { jobId } = await (await submit()).json();
    expect((await submit()).status).toBe(201);
    const refused = await (await submit()).json();
    expect(refused.detail).toContain(
      'tokensPerDay of the tenant is reached: 80 of 100 are taken, and this needs 40',
    );
    const { fence } = await takeJob(rig.log, jobId);
    const end = { jobId, fence, firstSeq: 2, bodies: [JSON.stringify(completed)], hasOutput: false };
    await rig.log.append({ ...end, terminal: 'completed', spent: { tokens: 7 } });
    const { 'tenant tokensPerDay': day, 'key tokensPerMonth': month } = await quotas();
    expect([day, month]).toMatchObject([{ taken: 47 }, { taken: 47 }]);
    // As often as it may be begun.
    expect((await submit({ retry: 'always', maxAttempts: 2 })).status).toBe(429);
    terms.key = { tokensPerMonth: 100, tokensPerJob: 20 };
    terms.tenant = { jobs: 50 };
    expect((await submit({ retry: 'always', maxAttempts: 2 })).status).toBe(201);
    expect((await quotas())['key tokensPerMonth']).toMatchObject({ taken: 87 });
  });

  test('counts each time that a job may be begun', async () => {
    terms = { tenant: { jobs: 50, usdPerDay: 10 } };
    expect((await submit(budget({ retry: 'always', maxAttempts: 4 }))).status).toBe(201);
    expect((await quotas())['tenant usdPerDay']).toMatchObject({ taken: 8 });
    expect((await submit(budget({ retry: 'always', maxAttempts: 2 }))).status).toBe(429);
  });
});

test('a job that passes a ceiling of its key is refused, which is told at both doors, and lines of a batch keep within', async () => {
  terms = { tenant: {}, key: { models: ['haiku'], 'timeouts.queueMs': 60_000 } };
  const refused = await submit({ model: 'opus' });
  expect(await refused.json()).toMatchObject({
    code: 'beyond_ceiling',
    detail: expect.stringContaining('the model opus is not one of haiku (of the key)'),
  });
  const client = await connect();
  const told = client.messages.find(({ method }) => method === 'connected');
  expect(told?.params.limits.ceilings['timeouts.queueMs']).toBe(60_000);
  expect((await client.request('me')).result.ceilings).toMatchObject({ models: ['haiku'] });
  const { result } = await client.request('execute', { prompt: 'x', attach: false });
  const begun = await rig.log.begin(result.jobId, 60_000, 'owner');
  expect('attempt' in begun && begun.attempt.spec.model).toBe('haiku');
  const batch = await fetch(`http://127.0.0.1:${gateway.port}/v1/batches`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson', 'idempotency-key': 'within' },
    body: '{"prompt":"x"}\n',
  });
  expect(await batch.text()).toContain('job_');
});

test('jobs that are listened to are counted over all gateways, until they are left', async () => {
  terms = { tenant: { jobs: 50, attachments: 1 } };
  const elsewhere = await rig.gateway({ keyring });
  const [one, other] = [await connect(), await connect(elsewhere)];
  const { result } = await one.request('execute', { prompt: 'x' });
  const refused = await other.request('execute', { prompt: 'x' });
  expect(refused.error).toMatchObject({ data: { code: 'quota_exceeded', retryAfterMs: 100 } });
  // Before it was accepted.
  expect((await quotas())['tenant jobs']).toMatchObject({ taken: 1 });
  expect((await other.request('attach', { jobId: result.jobId })).error.data.code).toBe('quota_exceeded');
  await one.request('detach', { jobId: result.jobId });
  // Told to Redis a moment later: until then `retryAfterMs` is what holds.
  const attached = async () => (await other.request('attach', { jobId: result.jobId })).result;
  await expect.poll(attached).toMatchObject({ status: 'queued' });
  other.socket.terminate();
  await expect.poll(async () => (await quotas())['tenant attachments']).toEqual({ limit: 1, taken: 0 });
});

test('a batch is one request, whatever its lines are', async () => {
  terms = { tenant: { jobs: 50, costPerMinute: 30, requests: 1 } };
  const body = '{"prompt":"x"}\n'.repeat(20);
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/batches`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson', 'idempotency-key': 'b' },
    body,
  });
  expect(response.status).toBe(201);
  const { error } = await (await connect()).request('list');
  expect(error).toMatchObject({ data: { code: 'quota_exceeded' } });
  expect(error.data.retryAfterMs).toBeGreaterThan(10_000);
});
