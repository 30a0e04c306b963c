import { request } from 'node:http';
import { createMetrics } from '@cc-executor/metrics';
import { createProducer, openQueue, startConsumer } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createLogger } from '@cc-executor/runtime';
import { createHealth } from '@cc-executor/service';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dashboard, startDashboard } from '../src/server.ts';

const keyPrefix = uniquePrefix();
const metrics = createMetrics({ role: 'dashboard', version: 'test', isOn: true });
const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
const onError = () => {
  // The test that takes Redis away expects errors; the others fail by their answers.
};

let server: TestRedis;
let dashboard: Dashboard;
let stop: () => Promise<void>;

function open(role: 'impatient' | 'patient') {
  return openRedis(server.url, { name: 'test', role, onError });
}

beforeAll(async () => {
  server = await startTestRedis();
  const redis = open('impatient');
  await new Promise((resolve) => redis.once('ready', resolve));
  const queue = openQueue({ redis, keyPrefix, onError });
  const checks = { redis: async () => ({ ok: (await redis.ping()) === 'PONG' }) };
  const health = createHealth({ service: 'dashboard', version: '1', checks });
  dashboard = await startDashboard({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    queue,
    health,
    metrics,
    logger,
    gatewayUrl: 'http://127.0.0.1:9',
    showContent: true,
    sessionMs: 60_000,
  });
  stop = async () => {
    await dashboard.close();
    await dashboard.close();
    await queue.close();
    await closeRedis(redis);
    await server.close();
  };
  await runThreeJobs();
});
afterAll(() => stop());

/** `job-a` completes, `job-b` fails, `job-c` stays in the queue. */
async function runThreeJobs(): Promise<void> {
  const [redis, queueRedis] = [open('patient'), open('patient')];
  const producer = createProducer({ redis, keyPrefix, onError });
  const bothTaken = Promise.withResolvers<void>();
  const consumer = startConsumer({
    redis: queueRedis,
    keyPrefix,
    concurrency: 1,
    maxWaiting: 0,
    async process(jobId) {
      if (jobId === 'job-a') return { status: 'completed' };
      bothTaken.resolve();
      return { status: 'failed', error: 'claude_auth', message: 'Log in again.' };
    },
    onError,
  });
  await producer.enqueue({ jobId: 'job-a', tenant: 'acme', priority: 0 });
  await producer.enqueue({ jobId: 'job-b', tenant: 'acme', priority: 0 });
  await bothTaken.promise;
  await consumer.close();
  await producer.enqueue({ jobId: 'job-c', tenant: 'acme', priority: 0 });
  // Out of its line, for whatever worker there may be.
  await producer.recount();
  await producer.close();
  await Promise.all([closeRedis(redis), closeRedis(queueRedis)]);
}

function url(path: string): string {
  return `http://127.0.0.1:${dashboard.port}${path}`;
}

type ShownQueue = {
  readOnlyMode: boolean;
  allowRetries: boolean;
  statuses: string[];
  jobs: { id: string; name: string; data: unknown; stacktrace: unknown[] }[];
};

async function shownQueue(): Promise<ShownQueue> {
  const response = await fetch(url('/queues/api/queues?activeQueue=jobs&page=1&jobsPerPage=10'));
  const { queues } = (await response.json()) as { queues: ShownQueue[] };
  expect(queues).toHaveLength(1);
  return queues[0]!;
}

test('each page is a document whose script and style are served', async () => {
  for (const path of ['/', '/jobs', '/jobs/job_1', '/playground', '/playground/job_1']) {
    const response = await fetch(url(path));
    expect(response.headers.get('content-type')).toContain('text/html');
    const page = await response.text();
    const files = [...page.matchAll(/(?:src|href)="(\/assets[^"]+)"/g)].map(([, file]) => file!);
    expect(files).toEqual(['/assets/style.css', '/assets/playground.css', '/assets/pages.js']);
    for (const file of files) expect((await fetch(url(file))).status, file).toBe(200);
  }
});

test('scripts find each other, and nothing else is served as one', async () => {
  const found = ['pages.js'];
  for (const file of found) {
    const response = await fetch(url(`/assets/${file}`));
    expect([response.status, response.headers.get('content-type')], file).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ]);
    const names = [...(await response.text()).matchAll(/["`]\.\/([\w-]+\.js)["`]/g)].map(([, name]) => name!);
    found.push(...names.filter((name) => !found.includes(name)));
  }
  expect(found).toContain('playground-page.js');
  expect((await fetch(url('/assets/bundle.ts'))).status).toBe(404);
});

test('the board is served, with and without a trailing slash', async () => {
  for (const path of ['/queues', '/queues/']) {
    const page = await (await fetch(url(path))).text();
    expect(page).toContain('<base href="/queues/"');
    const script = /src="(static\/js\/main[^"]*)"/.exec(page)?.[1];
    expect((await fetch(url(`/queues/${script}`))).status).toBe(200);
  }
});

test('pages may load nothing from elsewhere', async () => {
  for (const path of ['/', '/queues']) {
    const policy = (await fetch(url(path))).headers.get('content-security-policy');
    expect(policy).toMatch(/default-src '(none|self)'/);
    expect(policy).not.toMatch(/https?:|\*/);
  }
});

test('each job shows its id and its status, and nothing else', async () => {
  const { jobs } = await shownQueue();
  const shown = jobs.map(({ id, name, data }) => ({ id, name, data }));
  expect(shown.sort((a, b) => a.id.localeCompare(b.id))).toEqual([
    { id: 'job-a', name: 'completed', data: {} },
    { id: 'job-b', name: 'claude_auth: Log in again.', data: {} },
    { id: 'job-c', name: 'queued', data: {} },
  ]);
  // Nor where in our code that was found out.
  for (const { stacktrace } of jobs) expect(stacktrace).toEqual([]);
});

test('there is no tab for what this queue never has', async () => {
  const { statuses } = await shownQueue();
  expect(statuses).toEqual(['latest', 'active', 'waiting', 'prioritized', 'completed', 'failed', 'delayed']);
});

describe('the board only shows', () => {
  test('it offers no buttons that change something', async () => {
    expect(await shownQueue()).toMatchObject({ readOnlyMode: true, allowRetries: false });
  });

  test('requests that would change something are refused and change nothing', async () => {
    const before = await shownQueue();
    const changes: [string, string][] = [
      ['PUT', '/queues/api/queues/jobs/job-b/retry'],
      ['PUT', '/queues/api/queues/jobs/pause'],
      ['PUT', '/queues/api/queues/jobs/clean/completed'],
      ['PUT', '/queues/api/queues/jobs/obliterate'],
      ['POST', '/queues/api/queues/jobs/add'],
      ['PUT', '/queues/api/queues/jobs/job-c/clean'],
    ];
    for (const [method, path] of changes) {
      expect((await fetch(url(path), { method })).status, `${method} ${path}`).toBe(405);
    }
    expect(await shownQueue()).toEqual(before);
  });
});

async function statusFor(
  host: string,
  port = dashboard.port,
  path = '/queues/api/queues',
): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  request(`http://127.0.0.1:${port}${path}`, { headers: { host } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  })
    .on('error', reject)
    .end();
  return promise;
}

test.each(['/', '/v1/jobs', '/queues/api/queues', '/health', '/ready', '/metrics', '/nothing'])(
  'a request for %s whose Host header names another machine is refused',
  async (path) => {
    expect(await statusFor('pointed-here.example', dashboard.port, path)).toBe(403);
  },
);

test('where hosts are listed, they and loopback are answered and others refused, whatever the address', async () => {
  const health = createHealth({ service: 'dashboard', version: '1', checks: {} });
  const redis = open('impatient');
  await new Promise((resolve) => redis.once('ready', resolve));
  const queue = openQueue({ redis, keyPrefix, onError });
  const allowedHosts = ['jobs.example.com'];
  const second = await startDashboard({
    host: '0.0.0.0',
    port: 0,
    allowedHosts,
    queue,
    health,
    metrics,
    logger,
    gatewayUrl: 'http://127.0.0.1:9',
    showContent: true,
    sessionMs: 60_000,
  });
  expect(await statusFor('jobs.example.com:8004', second.port)).toBe(200);
  expect(await statusFor('localhost:8004', second.port)).toBe(200);
  expect(await statusFor('pointed-here.example', second.port)).toBe(403);
  await second.close();
  await queue.close();
  await closeRedis(redis);
});

test('a port in use is named with the variable to change', async () => {
  const health = createHealth({ service: 'dashboard', version: '1', checks: {} });
  const redis = open('impatient');
  const queue = openQueue({ redis, keyPrefix, onError });
  const second = startDashboard({
    host: '127.0.0.1',
    port: dashboard.port,
    allowedHosts: [],
    queue,
    health,
    metrics,
    logger,
    gatewayUrl: 'http://127.0.0.1:9',
    showContent: true,
    sessionMs: 60_000,
  });
  await expect(second).rejects.toThrow(/DASHBOARD_PORT/);
  await queue.close();
  await closeRedis(redis);
});

test('it is ready while Redis answers, says so when it does not, and stays alive', async () => {
  expect((await fetch(url('/ready'))).status).toBe(200);
  await server.kill();
  const response = await fetch(url('/ready'));
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ status: 'unavailable', checks: { redis: { ok: false } } });
  expect((await fetch(url('/health'))).status).toBe(200);
  await server.start();
  await expect.poll(async () => (await fetch(url('/ready'))).status, { timeout: 10_000 }).toBe(200);
});
