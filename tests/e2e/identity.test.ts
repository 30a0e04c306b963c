/**
 * Keys from their making to their end, as an operator and two tenants live with them: the CLI makes, rotates and revokes,
 * real gateways follow, the SDK, the CLI and those who look at the dashboard come in. Afterwards no secret stands anywhere.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Client, createClient } from '@cc-executor/client';
import {
  connectWire,
  quickStart,
  type ServiceProcess,
  type Stack,
  startService,
  startStack,
} from '@cc-executor/testing';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { RESTLESS } from './support/leftovers.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
/** What it is promised that a revocation takes at most. */
const REVOKED_WITHIN_MS = 5_000;

const folder = mkdtempSync(join(tmpdir(), 'identity-'));
const file = join(folder, 'keys.json');
const secrets = new Set<string>();
const OPERATORS_SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
let stack: Stack;
let dashboard: ServiceProcess;

beforeAll(async () => {
  secrets.clear();
  secrets.add(OPERATORS_SECRET.slice('whsec_'.length));
  await makeKey('acme');
  stack = await startStack({
    gateways: 2,
    env: {
      ...{ ...RESTLESS, AUTH_MODE: 'keys', AUTH_KEYS_FILE: file },
      ...{ WEBHOOK_SECRETS: OPERATORS_SECRET, WEBHOOK_ALLOWED_TARGETS: '127.0.0.1' },
    },
  });
  dashboard = await startService({
    app: 'dashboard',
    env: {
      ...{ DASHBOARD_PORT: '0', REDIS_URL: stack.redis.url, LOG_LEVEL: 'trace', AUTH_MODE: 'keys' },
      DASHBOARD_GATEWAY_URL: `http://127.0.0.1:${stack.gateways[0]?.ready.port}`,
    },
  });
});
afterAll(async () => {
  await dashboard.stop();
  await stack.close();
  rmSync(folder, { recursive: true });
});

type Ran = { code: number; stdout: string; stderr: string };

async function cli(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const { PATH, XDG_CONFIG_HOME, XDG_STATE_HOME } = process.env;
  return run(process.execPath, [...quickStart(main), ...args], {
    env: { PATH, XDG_CONFIG_HOME, XDG_STATE_HOME, AUTH_KEYS_FILE: file, ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (failed: Ran) => failed,
  );
}

/** Runs `keys …`, which prints a token. */
async function tokenOf(...args: string[]): Promise<{ id: string; token: string }> {
  const { code, stdout, stderr } = await cli(['keys', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const token = stdout.trim();
  const [id = '', secret = ''] = token.split('.');
  expect(secret).not.toBe('');
  secrets.add(secret);
  return { id, token };
}

const makeKey = (tenant: string, ...more: string[]) =>
  tokenOf('make', '--tenant', tenant, '--label', 'a test', ...more);

function connect(token: string | (() => string), gateway = 0): Client {
  const client = createClient({ url: stack.url(gateway), token });
  onTestFinished(() => client.close());
  return client;
}

/** Does something to the keys; resolves when all gateways have read so many, afterwards. */
async function read<T>(keys: number, change: () => Promise<T>): Promise<T> {
  const readsOf = ({ logs }: ServiceProcess) => logs().filter(({ event }) => event === 'keys_read');
  const before = stack.gateways.map((gateway) => readsOf(gateway).length);
  const changed = await change();
  const untilRead = (gateway: ServiceProcess, index: number) =>
    gateway.untilLog(() => readsOf(gateway).slice(before[index]).at(-1)?.keys === keys);
  await Promise.all(stack.gateways.map(untilRead));
  return changed;
}

it('lets in who has a key, to the jobs of its tenant alone, by SDK and CLI', async () => {
  const [acme, rival] = await read(3, async () => [await makeKey('acme'), await makeKey('rival')] as const);
  const client = connect(acme.token);
  const job = await client.execute({ prompt: 'hello' });
  expect((await job.done()).type).toBe('completed');
  expect((await connect(acme.token, 1).get(job.jobId)).status).toBe('completed');
  await expect(connect(rival.token, 1).get(job.jobId)).rejects.toMatchObject({ code: 'job_not_found' });
  await expect(connect(`${acme.id}.wrong`).connect()).rejects.toMatchObject({
    code: 'unauthenticated',
    retryable: false,
  });

  const env = { CC_EXECUTOR_URL: stack.url(), CC_EXECUTOR_TOKEN: acme.token };
  expect((await cli(['get', job.jobId, '--json'], env)).stdout).toContain('completed');
  const refused = await cli(['get', job.jobId, '--token', rival.token], env);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('No such job') });
  // What goes by HTTP alone.
  const empty = await cli(['batch', 'submit', '/dev/null'], env);
  expect(empty).toMatchObject({ code: 0, stdout: expect.stringContaining('0 lines') });
  const unasked = await cli(['get', job.jobId], { CC_EXECUTOR_URL: stack.url() });
  expect(unasked).toMatchObject({ code: 1, stderr: expect.stringContaining('CC_EXECUTOR_TOKEN') });
});

it('refuses no request while a key is rotated, and ends what a revoked key has opened', async () => {
  const { id, token: first } = await read(4, () => makeKey('acme'));
  let token = first;
  const client = connect(() => token);
  const wire = await connectWire(stack.url(1), { headers: { authorization: `Bearer ${first}` } });
  await wire.until(({ method }) => method === 'connected');
  let asked = 0;
  const ask = async () => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `http://127.0.0.1:${stack.gateways[asked % 2]?.ready.port}/v1/jobs?limit=1`;
    const [{ status }] = await Promise.all([fetch(url, { headers }), client.list({ limit: 1 })]);
    expect(status).toBe(200);
    asked += 1;
  };
  await ask();
  const [rotated] = await Promise.all([
    read(4, () => tokenOf('rotate', id, '--overlap', '1h')),
    ask(),
    ask(),
  ]);
  await ask();
  token = rotated.token;
  await ask();
  expect((await wire.request('list', {})).result).toBeDefined();

  const revokedAt = await read(3, async () => {
    expect((await cli(['keys', 'revoke', id])).code).toBe(0);
    return Date.now();
  });
  expect(await wire.closed).toEqual({ code: 4501, reason: 'login_revoked' });
  await expect(client.list()).rejects.toMatchObject({
    code: expect.stringMatching(/connection_closed|unauthenticated/),
  });
  expect(Date.now() - revokedAt).toBeLessThan(REVOKED_WITHIN_MS);
  const { stdout } = await cli(['keys', 'list']);
  expect(stdout).toContain('a test');
  expect(stdout).not.toContain(id);
});

const look = (path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${dashboard.ready.port}${path}`, { redirect: 'manual', ...init });

/** Signs in to the dashboard; returns how a browser asks it then. */
async function signIn(key: string): Promise<(path: string, method?: string) => Promise<Response>> {
  const origin = `http://127.0.0.1:${dashboard.ready.port}`;
  const body = new URLSearchParams({ key });
  const response = await look('/sign-in', { method: 'POST', headers: { origin }, body });
  expect(response.status).toBe(303);
  const [cookie = ''] = response.headers.get('set-cookie')?.split(';') ?? [];
  secrets.add(cookie.split('=')[1] ?? '');
  return (path, method = 'GET') => look(path, { method, headers: { origin, cookie } });
}

it('shows on the dashboard each what their key may see and do', async () => {
  const [acme, onlooker, rival, operator] = await read(7, async () => [
    await makeKey('acme'),
    await makeKey('acme', '--scope', 'read'),
    await makeKey('rival', '--scope', 'read'),
    await makeKey('operators', '--scope', 'admin'),
  ]);
  const { jobId } = await connect(acme.token).execute({ prompt: 'demo:{"text":"x","hang":true}' });
  expect((await look('/v1/jobs')).status).toBe(401);

  const asRival = await signIn(rival.token);
  expect(await (await asRival('/v1/jobs')).json()).toEqual({ jobs: [] });
  for (const path of [jobId, `${jobId}/events`])
    expect((await asRival(`/v1/jobs/${path}`)).status, path).toBe(404);
  expect((await asRival('/v1/jobs?tenant=acme')).status).toBe(403);

  const asOnlooker = await signIn(onlooker.token);
  const [seen] = (await (await asOnlooker('/v1/jobs?limit=1')).json()).jobs;
  expect(seen).toMatchObject({ jobId });
  expect(seen).not.toHaveProperty('tenant');
  for (const [path, method] of [
    [`/v1/jobs/${jobId}/cancel`, 'POST'],
    [`/v1/jobs/${jobId}/rerun`, 'POST'],
    ['/v1/overview', 'GET'],
    ['/queues', 'GET'],
  ] as const)
    expect((await asOnlooker(path, method)).status, path).toBe(403);

  // What an operator hands on of it opens no more than that job, also with less than a key sees all with.
  const handedOn = await fetch(`http://127.0.0.1:${stack.gateways[0]?.ready.port}/v1/tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jobId, scopes: ['read'] }),
  });
  const { ticket } = await handedOn.json();
  secrets.add(ticket);
  expect((await connect(ticket).get(jobId)).status).toMatch(/queued|running/);

  const asOperator = await signIn(operator.token);
  const listed = await (await asOperator('/v1/jobs?status=unfinished')).json();
  expect(listed.jobs).toMatchObject([{ jobId, tenant: 'acme' }]);
  expect((await (await asOperator('/v1/jobs?tenant=rival')).json()).jobs).toEqual([]);
  for (const path of ['/', '/queues', '/v1/overview'])
    expect((await asOperator(path)).status, path).toBe(200);
  expect((await asOperator(`/v1/jobs/${jobId}/cancel`, 'POST')).status).toBe(200);
  const changed = await stack.gateways[0]?.untilLog((line) => line.of === 'acme' && line.method === 'cancel');
  expect(changed).toMatchObject({ event: 'audit', who: operator.id, tenant: 'operators', jobId });
  const signIns = dashboard.logs().filter(({ event, method }) => event === 'audit' && method === 'signIn');
  expect(signIns.map(({ who }) => who)).toEqual([rival.id, onlooker.id, operator.id]);
});

it('signs webhooks so that the receiver of one tenant takes none of another', async () => {
  const [acme, rival] = await read(9, async () => [await makeKey('acme'), await makeKey('rival')] as const);
  const got: { text: string; headers: Record<string, string> }[] = [];
  const receiver = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    got.push({ text, headers: request.headers as Record<string, string> });
    response.writeHead(204).end();
  });
  onTestFinished(() => void receiver.close().closeAllConnections());
  await once(receiver.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/of-acme`;
  const webhooks = async (token: string, ...args: string[]) => {
    const env = { CC_EXECUTOR_URL: stack.url(1), CC_EXECUTOR_TOKEN: token };
    const { code, stdout, stderr } = await cli(['webhooks', ...args], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const shown = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
    for (const secret of shown) secrets.add(secret.slice('whsec_'.length));
    return shown as [string, ...string[]];
  };
  const told = async (token: string) => {
    const { jobId } = await connect(token).execute({ prompt: 'hello', webhook: { url } });
    const about = () => got.find(({ text }) => text.includes(jobId));
    await expect.poll(about, { timeout: 20_000 }).toBeDefined();
    return about()!;
  };
  const verify = (secret: string, { text, headers }: (typeof got)[number]) =>
    new Webhook(secret).verify(text, headers);

  const [first] = await webhooks(acme.token, 'secrets');
  expect(verify(first, await told(acme.token))).toMatchObject({ type: 'completed' });
  const foreign = await told(rival.token);
  for (const secret of [first, OPERATORS_SECRET]) expect(() => verify(secret, foreign)).toThrow();

  const [second, before] = await webhooks(acme.token, 'rotate', '--overlap', '1h');
  expect(before).toBe(first);
  const meanwhile = await told(acme.token);
  for (const secret of [first, second]) expect(verify(secret, meanwhile)).toBeDefined();
  const [third, ...others] = await webhooks(acme.token, 'rotate', '--overlap', '0s');
  expect(others).toEqual([]);
  const afterwards = await told(acme.token);
  expect(verify(third, afterwards)).toBeDefined();
  for (const secret of [first, second]) expect(() => verify(secret, afterwards)).toThrow();
});

it('closes what a gateway has open that stood still, once others have taken the places of that', async () => {
  const { token } = await read(10, () => makeKey('patient'));
  await read(10, () => cli(['keys', 'limit', 'patient', 'attachments=2']));
  const connectTo = async (gateway: number) => {
    const wire = await connectWire(stack.url(gateway), { headers: { authorization: `Bearer ${token}` } });
    await wire.until(({ method }) => method === 'connected');
    return wire;
  };
  const there = [await connectTo(0), await connectTo(0)];
  const jobIds: string[] = [];
  for (const wire of there) {
    const { result } = await wire.request('execute', { prompt: 'demo:{"text":"x","hang":true}' });
    jobIds.push(result.jobId);
  }
  const here = await connectTo(1);
  expect((await here.request('attach', { jobId: jobIds[0] })).error.data.code).toBe('quota_exceeded');
  const [stalled] = stack.gateways;
  stalled!.kill('SIGSTOP');
  for (const jobId of jobIds) {
    const attached = async () => (await here.request('attach', { jobId })).result?.jobId;
    await expect.poll(attached, { timeout: 10_000, interval: 100 }).toBe(jobId);
  }
  stalled!.kill('SIGCONT');
  for (const { closed } of there) expect(await closed).toEqual({ code: 4003, reason: 'internal' });
  const taken = async () => {
    const { result } = await here.request('me', {});
    return result.quotas.find(({ name }: { name: string }) => name === 'attachments');
  };
  await expect.poll(taken, { timeout: 10_000 }).toMatchObject({ limit: 2, taken: 2 });
  // Who comes back is refused like anybody, with when to ask again.
  const again = await connectTo(0);
  const { error } = await again.request('attach', { jobId: jobIds[0] });
  expect(error.data).toMatchObject({ code: 'quota_exceeded', retryAfterMs: 100 });
  for (const jobId of jobIds) await here.request('cancel', { jobId });
});

it('has put no secret, and no digest of one, into logs, Redis, /services, /metrics, /ready or the list of keys', async () => {
  const { redis, gateways, workers } = stack;
  const places = [...gateways, ...workers, dashboard].map((service) => JSON.stringify(service.logs()));
  const [{ ready } = { ready: { port: 0 } }] = gateways;
  for (const path of ['services', 'metrics', 'ready', 'v1/docs']) {
    places.push(await (await fetch(`http://127.0.0.1:${ready.port}/${path}`)).text());
  }
  places.push(await (await look('/metrics')).text(), await (await look('/sign-in')).text());
  for (const key of await redis.admin.keys('*')) places.push(key, await readAll(redis.admin, key));
  places.push(
    (await cli(['keys', 'list', '--json'])).stdout,
    JSON.stringify(await redis.admin.client('LIST')),
  );
  const digests = [...readFileSync(file, 'utf8').matchAll(/"sha256": "(\w+)"/g)].map(
    ([, digest = '']) => digest,
  );
  expect(secrets.size).toBeGreaterThan(4);
  expect(digests.length).toBeGreaterThan(2);
  for (const text of places)
    for (const secret of [...secrets, ...digests]) expect(text).not.toContain(secret);
});

/** All that stands under a key. Not by DUMP, which compresses: what is looked for would not be found in it. */
async function readAll(redis: Stack['redis']['admin'], key: string): Promise<string> {
  const type = await redis.type(key);
  const read: Record<string, () => Promise<unknown>> = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'),
    stream: () => redis.xrange(key, '-', '+'),
    // It has expired since.
    none: async () => '',
  };
  const value = read[type];
  if (value === undefined) throw new Error(`${key} is a ${type}`);
  return JSON.stringify(await value());
}
