/** Who may see the dashboard, and do what, where gateways ask who comes in. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { createMetrics } from '@cc-executor/metrics';
import { openQueue } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createLogger } from '@cc-executor/runtime';
import { createHealth } from '@cc-executor/service';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyCheck } from '../src/identity/key-check.ts';
import { createSessions } from '../src/identity/sessions.ts';
import { type DashboardOptions, startDashboard } from '../src/server.ts';

const KEYS: Record<string, { tenant: string; scopes: string[] }> = {
  'key_r.looks-at-acme': { tenant: 'acme', scopes: ['read'] },
  'key_w.works-for-acme': { tenant: 'acme', scopes: ['write'] },
  'key_a.operates-it-all': { tenant: 'operators', scopes: ['admin'] },
};
const [VIEW = '', OPERATE = '', ADMIN = ''] = Object.keys(KEYS);

const closers: (() => unknown)[] = [];
let gateway: Server;
let good: Set<string>;
let isBusy: boolean;
let asked: IncomingMessage[];
let log: string;
let base: string;

/** A gateway that knows these keys, and answers with the one that it was shown. */
function answerAs({ url, headers }: IncomingMessage): [number, object] {
  const key = headers.authorization?.replace('Bearer ', '') ?? '';
  const holder = good.has(key) ? KEYS[key] : undefined;
  if (holder === undefined) return [401, { code: 'unauthenticated' }];
  if (isBusy) return [429, { code: 'quota_exceeded' }];
  return [200, url === '/v1/me' ? { ...holder, who: key.split('.')[0] } : { jobs: [] }];
}

beforeEach(async () => {
  [good, isBusy, asked, log] = [new Set(Object.keys(KEYS)), false, [], ''];
  gateway = createServer((request, response) => {
    asked.push(request);
    const [status, body] = answerAs(request);
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  closers.push(() => gateway.close());
  base = await start({ authMode: 'keys' });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Pick<DashboardOptions, 'authMode' | 'token' | 'sessionKeys'>): Promise<string> {
  const onError = () => {
    // There is no Redis: what is looked at here needs none.
  };
  const redis = openRedis('redis://127.0.0.1:9', { name: 'test', role: 'impatient', onError });
  const queue = openQueue({ redis, keyPrefix: 'test', onError });
  const stream = new Writable({
    write(line, _encoding, done) {
      log += line;
      done();
    },
  });
  const dashboard = await startDashboard({
    ...{ host: '127.0.0.1', port: 0, allowedHosts: [], queue, showContent: true, sessionMs: 60_000 },
    gatewayUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
    health: createHealth({ service: 'dashboard', checks: {} }),
    metrics: createMetrics({ role: 'dashboard', version: 'test', isOn: true }),
    logger: createLogger({ name: 'test', level: 'trace', format: 'json', stream }),
    ...options,
  });
  closers.push(async () => {
    await dashboard.close();
    await queue.close();
    await closeRedis(redis);
  });
  return `http://127.0.0.1:${dashboard.port}`;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(base + path, { redirect: 'manual', headers: { accept: 'text/html', ...headers } });

const post = (path: string, headers: Record<string, string>, body?: BodyInit) =>
  fetch(base + path, { method: 'POST', redirect: 'manual', headers, ...(body !== undefined && { body }) });

const submitForm = (key: string, next = '/jobs', headers: Record<string, string> = { origin: base }) =>
  post('/sign-in', headers, new URLSearchParams({ key, next }));

/** The headers of a browser that has signed in. */
async function signIn(key: string): Promise<{ cookie: string; origin: string }> {
  const response = await submitForm(key);
  expect([response.status, response.headers.get('location')]).toEqual([303, '/jobs']);
  return { cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '', origin: base };
}

test('without a key pages lead to where one signs in and back, and all else but what is harmless is refused', async () => {
  for (const path of ['/', '/jobs?status=failed', '/jobs/job_1', '/queues']) {
    const response = await get(path);
    expect(response.status, path).toBe(303);
    expect(response.headers.get('location')).toBe(`/sign-in?next=${encodeURIComponent(path)}`);
  }
  for (const path of ['/v1/jobs', '/queues/api/queues', '/assets/pages.js']) {
    const response = await get(path, { accept: '*/*' });
    expect(response.status, path).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
  }
  expect((await post('/v1/jobs/cancel', { accept: 'text/html' })).status).toBe(401);
  for (const path of ['/health', '/ready', '/metrics', '/sign-in', '/assets/style.css'])
    expect((await get(path)).status, path).toBe(200);
  expect(asked).toEqual([]);
});

describe('signing in', () => {
  test('gives a cookie that no script reads and no other site sends; the key stays here', async () => {
    const response = await submitForm(OPERATE);
    expect(response.headers.get('set-cookie')).toMatch(
      /^cc_executor_session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=60$/,
    );
    const { cookie } = await signIn(OPERATE);
    const page = await (await get('/jobs', { cookie })).text();
    expect(page).toContain('data-role="operate" data-who="key_w" data-tenant="acme" data-session="yes"');
    expect(page).not.toContain(OPERATE);
    await get('/v1/jobs', { cookie });
    expect(asked.at(-1)?.headers).toMatchObject({ authorization: `Bearer ${OPERATE}` });
    expect(asked.at(-1)?.headers).not.toHaveProperty('cookie');
    const behindTls = await submitForm(OPERATE, '/', { origin: base, 'x-forwarded-proto': 'https' });
    expect(behindTls.headers.get('set-cookie')).toMatch(/; Secure$/);
  });

  test('with a key that is not good is refused, each time later', async () => {
    for (const key of ['wrong', 'key_r.looks-at-acmf', '', 'two words']) {
      const response = await submitForm(key);
      expect([response.status, response.headers.has('set-cookie')]).toEqual([401, false]);
      expect(await response.text()).toContain('This key lets nobody in.');
    }
    expect([...log.matchAll(/"delayMs":(\d+)/g)].map(([, ms]) => Number(ms))).toEqual([50, 100, 200, 400]);
  });

  test('leads to a page of ours only, whose address is no HTML', async () => {
    const places = {
      '/jobs?q="><b>': '/jobs?q=%22%3E%3Cb%3E',
      '//evil.example': '/',
      'https://evil.example/': '/',
      '/.//evil.example': '/',
      'http://dashboard.invalid//evil.example': '/',
    };
    for (const [next, place] of Object.entries({ ...places, '/\\evil.example': '/', 'javascript:x': '/' })) {
      expect((await submitForm(VIEW, next)).headers.get('location'), next).toBe(place);
    }
    expect(await (await get('/sign-in?next=/jobs?q="><b>')).text()).not.toContain('<b>');
  });

  test('is noted, and so is signing out, which ends it here, too', async () => {
    const headers = await signIn(ADMIN);
    const response = await post('/sign-out', headers);
    expect([response.status, response.headers.get('location')]).toEqual([303, '/sign-in']);
    expect(response.headers.get('set-cookie')).toMatch(/^cc_executor_session=;.*Max-Age=0/);
    expect((await get('/v1/jobs', { ...headers, accept: '*/*' })).status).toBe(401);
    const notes = log.split('\n').filter((line) => line.includes('"event":"audit"'));
    expect(notes.map((line) => JSON.parse(line))).toMatchObject([
      { who: 'key_a', tenant: 'operators', role: 'admin', door: 'dashboard', method: 'signIn' },
      { who: 'key_a', method: 'signOut', outcome: 'ok' },
    ]);
  });

  test('leaves neither key nor cookie in the log, or in a metric', async () => {
    const { cookie } = await signIn(ADMIN);
    await get('/queues', { cookie });
    await submitForm('a-wrong-secret');
    log += await (await get('/metrics')).text();
    const secrets = [ADMIN, ADMIN.split('.')[1] ?? '', cookie.split('=')[1] ?? '', 'a-wrong-secret'];
    expect(secrets.filter((secret) => secret.length < 10 || log.includes(secret))).toEqual([]);
  });
});

test.each([
  [VIEW, 'view', 303, 403],
  [OPERATE, 'operate', 303, 403],
  [ADMIN, 'admin', 200, 200],
])('%s: the role is %s, and what is of all tenants is for admins', async (key, role, overview, board) => {
  const headers = await signIn(key);
  expect(await (await get('/jobs', headers)).text()).toContain(`data-role="${role}"`);
  const first = await get('/', headers);
  expect([first.status, first.headers.get('location')]).toEqual([
    overview,
    overview === 303 ? '/jobs' : null,
  ]);
  for (const path of ['/queues', '/queues/']) expect((await get(path, headers)).status, path).toBe(board);
  // The gateway says what a key may do with jobs.
  expect((await post('/v1/jobs/job_1/cancel', headers)).status).toBe(200);
  expect(asked.at(-1)?.headers.authorization).toBe(`Bearer ${key}`);
});

test('what a page of elsewhere has a browser send with a session reaches no gateway, be it on this machine', async () => {
  const { cookie } = await signIn(ADMIN);
  const before = asked.length;
  const pages: Record<string, string>[] = [
    { origin: 'http://127.0.0.1:1' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1', authorization: 'Basic YTpi' },
    { origin: base, 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const foreign of pages) {
    for (const path of ['/v1/jobs/cancel', '/v1/jobs/job_1/cancel', '/sign-out'])
      expect((await post(path, { cookie, ...foreign })).status, path).toBe(403);
    expect((await submitForm(VIEW, '/', foreign)).status).toBe(403);
  }
  expect(asked.length).toBe(before);
  expect((await get('/v1/jobs', { cookie })).status).toBe(200);
});

test('a key that a gateway refuses has no session any more', async () => {
  const headers = await signIn(OPERATE);
  good.delete(OPERATE);
  expect((await get('/v1/jobs', headers)).status).toBe(401);
  expect((await get('/jobs', headers)).status).toBe(303);
  good.add(OPERATE);
  expect((await get('/jobs', headers)).status).toBe(303);
});

test('while no gateway answers, who is known sees the pages, and nobody else is let in', async () => {
  const headers = await signIn(ADMIN);
  gateway.closeAllConnections();
  await new Promise((resolve) => gateway.close(resolve));
  expect((await get('/', headers)).status).toBe(200);
  const response = await submitForm(VIEW);
  expect([response.status, await response.text()]).toEqual([
    503,
    expect.stringContaining('No gateway answers'),
  ]);
});

test('a proxy may show a key of its own', async () => {
  const authorization = `Bearer ${OPERATE}`;
  expect(await (await get('/jobs', { authorization })).text()).toContain('data-role="operate"');
  expect((await post('/v1/jobs/cancel', { authorization, origin: base })).status).toBe(200);
  expect((await post('/v1/jobs/cancel', { authorization })).status).toBe(200);
  const foreign = { authorization, origin: 'http://127.0.0.1:1' };
  expect((await post('/v1/jobs/cancel', foreign)).status).toBe(403);
  expect((await get('/jobs', { authorization: 'Bearer nobody' })).status).toBe(303);
});

test('with a key of the configuration nobody has to sign in, and who does is seen as themselves', async () => {
  base = await start({ authMode: 'keys', token: VIEW });
  const page = await (await get('/jobs')).text();
  expect(page).toContain('data-role="view"');
  expect(page).not.toContain('data-session');
  expect((await get('/queues')).status).toBe(403);
  expect((await post('/v1/jobs/cancel', { origin: 'http://127.0.0.1:1' })).status).toBe(403);
  expect((await get('/queues', await signIn(ADMIN))).status).toBe(200);
});

test('where gateways ask nobody, nobody is asked', async () => {
  base = await start({ authMode: 'none' });
  expect(await (await get('/')).text()).toMatch(/data-role="admin">/);
  expect((await get('/queues')).status).toBe(200);
});

test('who has signed in where dashboards share a key is known to another of them, until the key is revoked', async () => {
  const shared = { authMode: 'keys', sessionKeys: ['a-key-of-dashboards-that-is-long-enough'] } as const;
  base = await start(shared);
  const { cookie } = await signIn(OPERATE);
  expect(log).not.toContain(cookie.split('=')[1]);
  base = await start(shared);
  expect(await (await get('/jobs', { cookie })).text()).toContain('data-role="operate"');
  const signedOut = await post('/sign-out', { cookie, origin: base });
  expect([signedOut.status, (await get('/jobs', { cookie })).status]).toEqual([303, 303]);
  good.delete(OPERATE);
  base = await start(shared);
  expect((await get('/jobs', { cookie })).status).toBe(303);
});

test('a session ends with its time, and the oldest with the newest beyond a thousand', () => {
  let now = 0;
  const sessions = createSessions({ lifeMs: 100, now: () => now });
  const first = sessions.begin('one');
  now = 99;
  expect(sessions.keyOf(first)).toBe('one');
  const names = Array.from({ length: 1_000 }, (_, each) => sessions.begin(`other ${each}`));
  expect([sessions.keyOf(first), sessions.keyOf(names[0] ?? '')]).toEqual([undefined, 'other 0']);
  now = 199;
  expect(sessions.keyOf(names.at(-1) ?? '')).toBeUndefined();
  expect(sessions.keyOf('no name')).toBeUndefined();
});

test('who signs in again and again ends none but their own sessions', () => {
  const sessions = createSessions({ lifeMs: 60_000 });
  const [first, mine] = [sessions.begin('one'), sessions.begin('mine')];
  const names = Array.from({ length: 1_000 }, () => sessions.begin('one'));
  const held = [first, ...names].filter((name) => sessions.keyOf(name) !== undefined);
  expect([sessions.keyOf(mine), held]).toEqual(['mine', names.slice(-50)]);
});

test('who has asked too much of late is not taken for nobody', async () => {
  let now = 0;
  const { port } = gateway.address() as AddressInfo;
  const keyCheck = createKeyCheck({ gatewayUrl: `http://127.0.0.1:${port}`, now: () => now });
  await keyCheck.holderOf(VIEW);
  isBusy = true;
  now = 5_000;
  expect(await keyCheck.holderOf(VIEW)).toMatchObject({ who: 'key_r' });
  await expect(keyCheck.holderOf(ADMIN)).rejects.toThrow('does not say whose a key is (429)');
});

test('what a gateway said of a key counts for seconds, and for minutes while none answers', async () => {
  let now = 0;
  const { port } = gateway.address() as AddressInfo;
  const keyCheck = createKeyCheck({ gatewayUrl: `http://127.0.0.1:${port}`, now: () => now });
  expect(await keyCheck.holderOf(VIEW)).toEqual({ who: 'key_r', tenant: 'acme', role: 'view' });
  good.clear();
  expect(await keyCheck.holderOf(VIEW)).toBeDefined();
  now = 5_000;
  expect(await keyCheck.holderOf(VIEW)).toBeUndefined();
  good.add(VIEW);
  await keyCheck.holderOf(VIEW);
  await new Promise((resolve) => gateway.close(resolve));
  now = 300_000;
  expect(await keyCheck.holderOf(VIEW)).toBeDefined();
  now = 305_001;
  await expect(keyCheck.holderOf(VIEW)).rejects.toThrow('No gateway answers');
});

test('a request is handed on to no other host that it names, with the key of its sender', async () => {
  const elsewhere: IncomingMessage[] = [];
  const other = createServer((request, response) => {
    elsewhere.push(request);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  closers.push(() => other.close());
  const { cookie } = await signIn(VIEW);
  const { hostname, port, host } = new URL(base);
  const path = `http://127.0.0.1:${(other.address() as AddressInfo).port}/v1/jobs`;
  const sent = request({ hostname, port, path, headers: { host, cookie } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await response.resume().toArray();
  expect([response.statusCode, elsewhere.length]).toEqual([400, 0]);
});
