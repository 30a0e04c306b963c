import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger } from '@cc-executor/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createForeignCheck, createHealth, createHttpServer, listenHttp } from '../src/index.ts';

const allowedHosts = ['Jobs.example.com'];
const check = createForeignCheck({ allowedHosts, allowedOrigins: ['https://a.example'] });
const SITE = { 'sec-fetch-site': 'cross-site' };

describe('the Host header', () => {
  test.each([
    ...['localhost', 'LOCALHOST:8003', '127.0.0.1:8003', '[::1]:8003', 'a.localhost', '10.1.2.3:8002'],
    ...[
      'claude-api:8000',
      'gateway',
      'cc_executor-gateway-1:8003',
      'jobs.example.com',
      'JOBS.example.com.:80',
    ],
  ])('%s is answered', (host) => {
    expect(check({ host })).toBeUndefined();
  });

  test.each([
    'evil.example',
    'evil.example:8000',
    '127.0.0.1.evil.example',
    'x.jobs.example.com',
    '',
    'a b',
    '::1',
  ])('%s is refused', (host) => {
    expect(check({ host })).toContain('ALLOWED_HOSTS');
  });

  test('may be any where every name is allowed, and may be missing', () => {
    expect(createForeignCheck({ allowedHosts: ['*'] })({ host: 'evil.example' })).toBeUndefined();
    expect(check({})).toBeUndefined();
  });
});

describe('a browser', () => {
  test.each([
    ['http://localhost:5173', true],
    ['http://127.0.0.1', true],
    ['https://[::1]:8443', true],
    ['https://a.example', true],
    ['https://a.example:444', false],
    ['https://b.example', false],
    ['http://localhost.evil.example', false],
    ['null', false],
    ['', false],
  ])('on a page of %s may call: %s', (origin, isAllowed) => {
    for (const headers of [{ origin }, { origin, ...SITE }]) {
      expect(check({ host: '127.0.0.1:8003', ...headers }) === undefined).toBe(isAllowed);
      expect(createForeignCheck({ allowedOrigins: ['*'] })(headers)).toBeUndefined();
    }
  });

  test('on a page that was served under this name may call', () => {
    expect(check({ host: 'jobs.example.com', origin: 'https://jobs.example.com' })).toBeUndefined();
    expect(check({ host: 'jobs.example.com', origin: 'https://example.com' })).toBeDefined();
  });

  test('that hides its origin is known by the site it says; a person may follow a link', () => {
    expect(check({ ...SITE, 'sec-fetch-mode': 'no-cors' })).toBeDefined();
    expect(check({ 'sec-fetch-site': 'same-origin' })).toBeUndefined();
    expect(check({ 'sec-fetch-site': 'none' })).toBeUndefined();
    const visit = { ...SITE, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(check(visit)).toBeUndefined();
    expect(check(visit, 'POST')).toBeDefined();
    expect(check({ ...visit, 'sec-fetch-dest': 'iframe' })).toBeDefined();
  });
});

test('a server refuses before it looks at the path or the body, and says why', async () => {
  const server = createHttpServer({
    health: createHealth({ service: 'x', version: '1', checks: {} }),
    metrics: createMetrics({ role: 'x', version: '1', isOn: true }),
    logger: createLogger({ name: 'x', level: 'silent', format: 'json' }),
    allowedHosts,
  });
  server.post('/run', async () => 'ran');
  const port = await listenHttp(server, { host: '127.0.0.1', port: 0, portVariable: 'X_PORT' });
  onTestFinished(() => server.close());
  async function ask(path: string, headers: Record<string, string>, method = 'GET') {
    const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, string]>();
    request({ host: '127.0.0.1', port, path, method, headers }, async (response) =>
      resolve([response.statusCode, await text(response)]),
    )
      .on('error', reject)
      .end(method === 'POST' ? '{' : undefined);
    return promise;
  }
  const json = { 'content-type': 'application/json' };
  for (const path of ['/health', '/ready', '/metrics', '/nothing']) {
    expect(await ask(path, { host: 'evil.example' })).toEqual([403, expect.stringContaining('evil.example')]);
    expect(await ask(path, { origin: 'https://evil.example' })).toEqual([
      403,
      expect.stringContaining('evil'),
    ]);
    expect((await ask(path, SITE))[0]).toBe(403);
    expect((await ask(path, { host: 'jobs.example.com' }))[0]).toBe(path === '/nothing' ? 404 : 200);
  }
  expect((await ask('/run', { ...json, origin: 'https://evil.example' }, 'POST'))[0]).toBe(403);
  expect((await ask('/run', json, 'POST'))[0]).toBe(400);
});
