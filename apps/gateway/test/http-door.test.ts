/** The HTTP door: every operation, what is refused and how, and who may ask. Streams are in http-streams.test.ts. */
import { readFileSync } from 'node:fs';
import { createJobId, httpOperations, MAX_FRAME_BYTES, protocolErrors } from '@cc-executor/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  completed,
  freshMetrics,
  output,
  provideRig,
  type Rig,
  type TestGateway,
  takeJob,
  untilTrue,
} from './harness.ts';

let rig: Rig;
let gateway: TestGateway;
let base: string;

provideRig((made) => {
  rig = made;
});
beforeEach(() => open());

async function open(overrides?: Parameters<Rig['gateway']>[0]): Promise<void> {
  gateway = await rig.gateway(overrides);
  base = `http://127.0.0.1:${gateway.port}/v1`;
}

function post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function expectProblem(
  response: Response,
  code: keyof typeof protocolErrors,
  detail = /./,
): Promise<void> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = await response.json();
  const { httpStatus: status, retryable, description: title } = protocolErrors[code];
  expect(problem).toMatchObject({ type: `/v1/docs#${code}`, title, status, code, retryable });
  expect(problem.detail).toMatch(detail);
  expect(response.status).toBe(status);
}

describe('a submitted job', () => {
  test('is 201 with its place, and 200 when its idempotency key has it already', async () => {
    const first = await post('/jobs', { prompt: 'x' }, { 'idempotency-key': 'k' });
    const job = await first.json();
    expect([first.status, first.headers.get('location')]).toEqual([201, `/v1/jobs/${job.jobId}`]);
    expect(job).toMatchObject({ status: 'queued', created: true });
    const again = await post('/jobs', { prompt: 'x' }, { 'idempotency-key': 'k' });
    expect([again.status, await again.json()]).toEqual([200, { ...job, created: false }]);
    await expectProblem(
      await post('/jobs', { prompt: 'y' }, { 'idempotency-key': 'k' }),
      'idempotency_conflict',
    );
    expect(await gateway.producer.depth()).toMatchObject({ waiting: 1 });
  });

  test('is answered with its end when the client waits for that', async () => {
    const waiting = post('/jobs?wait=60', { prompt: 'x' }, { 'idempotency-key': 'k' });
    await untilTrue(async () => (await rig.log.list('default', { limit: 1 })).jobs.length === 1);
    const jobId = (await rig.log.list('default', { limit: 1 })).jobs[0]?.jobId ?? '';
    await untilTrue(async () => (await rig.countListeners(jobId)) === 1);
    const attempt = await takeJob(rig.log, jobId);
    await attempt.write(output('answer'));
    await attempt.end(completed);
    const answer = await waiting;
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({
      jobId,
      status: 'completed',
      terminal: { seq: 3, text: 'done' },
    });
    const again = await post('/jobs?wait=60', { prompt: 'x' }, { 'idempotency-key': 'k' });
    expect([again.status, await again.json()]).toMatchObject([200, { created: false, terminal: { seq: 3 } }]);
    await untilTrue(async () => (await rig.countListeners(jobId)) === 0);
    const rerunning = post(`/jobs/${jobId}/rerun?wait=60`);
    await untilTrue(async () => (await rig.log.list('default', { limit: 2 })).jobs.length === 2);
    const newest = (await rig.log.list('default', { limit: 1 })).jobs[0]?.jobId ?? '';
    await (await takeJob(rig.log, newest)).end(completed);
    const rerun = await rerunning;
    expect([rerun.status, await rerun.json()]).toMatchObject([
      201,
      { jobId: newest, created: true, status: 'completed', terminal: { seq: 2 } },
    ]);
  });

  test('is answered without its end when that takes longer, and lives on', async () => {
    const answer = await post('/jobs?wait=1', { prompt: 'x' });
    const { jobId, terminal } = await answer.json();
    expect([answer.status, terminal]).toEqual([201, undefined]);
    expect(await (await fetch(`${base}/jobs/${jobId}`)).json()).toMatchObject({ status: 'queued' });
    expect(await rig.countListeners(jobId)).toBe(0);
  });
});

test('a job can be looked at, listed, paused, resumed, cancelled and verified', async () => {
  const { jobId } = await (await post('/jobs', { prompt: 'x', metadata: { a: 1 } })).json();
  const found = await fetch(`${base}/jobs/${jobId}`);
  expect([found.status, found.headers.get('content-type'), found.headers.get('cache-control')]).toEqual([
    ...[200, 'application/json', 'no-store'],
  ]);
  expect(await found.json()).toMatchObject({ jobId, status: 'queued', metadata: { a: 1 } });
  const recorded = { status: 'queued', accepted: true };
  for (const word of ['pause', 'resume'])
    expect(await (await post(`/jobs/${jobId}/${word}`)).json()).toEqual(recorded);
  expect(await (await post(`/jobs/${jobId}/cancel`, {})).json()).toEqual({
    status: 'cancelled',
    accepted: true,
  });
  expect(await (await post(`/jobs/${jobId}/cancel`)).json()).toEqual({
    status: 'cancelled',
    accepted: false,
  });
  expect(await (await fetch(`${base}/jobs/${jobId}`)).json()).toMatchObject({
    terminal: { type: 'cancelled' },
  });
  expect(await (await post(`/jobs/${jobId}/verify`)).json()).toMatchObject({ reason: 'no_digest' });
  await post('/jobs', { prompt: 'y' });
  const page = await (await fetch(`${base}/jobs?limit=1&status=cancelled`)).json();
  expect(page.jobs).toMatchObject([{ jobId }]);
  const next = await (await fetch(`${base}/jobs?limit=1&cursor=${page.cursor}`)).json();
  expect(next.jobs).toEqual([]);
  const { createdAt } = page.jobs[0];
  const idsOf = async (query: string) => (await (await fetch(`${base}/jobs?${query}`)).json()).jobs.length;
  expect([await idsOf(`since=${createdAt}`), await idsOf(`before=${createdAt}`)]).toEqual([2, 0]);
});

test('the whole message of a shortened event is one answer, with its digest', async () => {
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  const pages = ['{"a":"', 'é'.repeat(10), '"}'];
  const bytes = Buffer.byteLength(pages.join(''));
  const sha256 = 'ab'.repeat(32);
  const truncated = { bytes, sha256, kept: true };
  await rig.log.append({
    ...{ jobId, fence: attempt.fence, firstSeq: 2, hasOutput: true },
    bodies: [JSON.stringify({ type: 'message', message: {}, truncated })],
    kept: [{ seq: 2, bytes, sha256, pages }],
  });
  const whole = await fetch(`${base}/jobs/${jobId}/events/2/body`);
  expect(whole.headers.get('content-length')).toBe(String(bytes));
  expect(whole.headers.get('repr-digest')).toBe(`sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`);
  expect(await whole.json()).toEqual({ a: 'é'.repeat(10) });
  const head = await fetch(`${base}/jobs/${jobId}/events/2/body`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes)]);
  await expectProblem(await fetch(`${base}/jobs/${jobId}/events/1/body`), 'body_not_found');
});

describe('what is refused', () => {
  test.each([
    ['no JSON', '{', 'parse_error', /The body is not JSON/],
    ['nothing', undefined, 'invalid_params', /^body: .*expected object/],
    ['an unknown option', { prompt: 'x', misspelt: 1 }, 'invalid_params', /misspelt/],
    ['what a header is for', { prompt: 'x', idempotencyKey: 'k' }, 'invalid_params', /idempotencyKey/],
    ['attempts without `always`', { prompt: 'x', maxAttempts: 2 }, 'invalid_params', /retry "always" alone/],
    ['a name twice', '{"prompt":"x","prompt":"y"}', 'invalid_request', /The name 'prompt' stands twice/],
    [
      'deep nesting',
      `{"a":${'['.repeat(100_000)}`,
      'invalid_request',
      /The body is nested more than 32 deep/,
    ],
    ['many values', `{"a":[${'1,'.repeat(20_000)}1]}`, 'invalid_request', /more than 10000 values/],
  ] as const)('a body with %s', async (_, body, code, detail) => {
    await expectProblem(await post('/jobs', body), code, detail);
    expect((await rig.log.list('default', { limit: 1 })).jobs).toEqual([]);
  });

  test('a body that is too large, of another type, or no text', async () => {
    await expectProblem(await post('/jobs', ' '.repeat(MAX_FRAME_BYTES + 1)), 'request_too_large');
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(64 * 1024, ' ')),
    });
    const endless = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    await expectProblem(await fetch(`${base}/jobs`, endless), 'request_too_large');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await expectProblem(await post('/jobs', { prompt: 'x' }, form), 'unsupported_media_type', /--json/);
    const packed = { 'content-encoding': 'gzip', 'idempotency-key': 'k' };
    await expectProblem(
      await post('/jobs', { prompt: 'x' }, packed),
      'unsupported_media_type',
      /Content-Enc/,
    );
    await expectProblem(
      await post('/batches', { prompt: 'x' }, packed),
      'unsupported_media_type',
      /Content-Enc/,
    );
    const file = { method: 'PUT', headers: packed, body: 'x' };
    await expectProblem(
      await fetch(`${base}/workspaces/w/files/a`, file),
      'unsupported_media_type',
      /Content-Encoding/,
    );
    const bytes = { method: 'POST', body: Buffer.from([0x22, 0xff, 0x22]) };
    await expectProblem(await fetch(`${base}/jobs`, bytes), 'invalid_request', /UTF-8/);
  });

  test.each([
    ['/jobs?limit=0', /limit/],
    ['/jobs?limit=many', /limit: is no whole number/],
    ['/jobs?status=gone', /status/],
    ['/jobs?statsu=queued', /statsu/],
    ['/jobs?limit=1&limit=2', /limit/],
    ['/jobs/job_1', /job id looks like/],
    [`/jobs/${createJobId()}/events?after=-1`, /after/],
    [`/jobs/${createJobId()}/events/0/body`, /seq/],
  ])('%s', async (path, detail) => {
    await expectProblem(await fetch(base + path), 'invalid_params', detail);
  });

  test('jobs that are not there', async () => {
    for (const path of ['', '/events', '/events/1/body']) {
      await expectProblem(await fetch(`${base}/jobs/${createJobId()}${path}`), 'job_not_found');
    }
    for (const word of ['cancel', 'pause', 'resume', 'verify']) {
      await expectProblem(await post(`/jobs/${createJobId()}/${word}`), 'job_not_found');
    }
    const head = await fetch(`${base}/jobs/${createJobId()}/events`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([404, '']);
  });

  test('paths and methods that there are not', async () => {
    for (const path of ['', '/', '/job', `/jobs/${createJobId()}/fly`, '/jobs/%zz', '/jobs/a/b/c/d']) {
      await expectProblem(await fetch(base + path), 'unknown_path', /There is nothing at \/v1/);
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const refused = await fetch(`${base}/jobs`, { method });
      expect(refused.headers.get('allow')).toBe('HEAD, POST, GET, OPTIONS');
      await expectProblem(refused, 'unknown_method');
    }
    const refused = await fetch(`${base}/jobs/${createJobId()}/cancel`);
    expect(refused.headers.get('allow')).toBe('POST, OPTIONS');
    await expectProblem(refused, 'unknown_method');
  });

  test('what goes beyond a ceiling, and anything while Redis is away, with when to come back', async () => {
    await open({ ceilings: { 'timeouts.totalMs': 1_000 } });
    const asked = { prompt: 'x', timeouts: { totalMs: 2_000 } };
    await expectProblem(await post('/jobs', asked), 'beyond_ceiling', /LIMIT_TOTAL_MS/);
    gateway.redis.disconnect();
    await untilTrue(() => gateway.redis.status === 'end');
    for (const answer of [await post('/jobs', { prompt: 'x' }), await fetch(`${base}/jobs`)]) {
      expect(answer.headers.get('retry-after')).toBe('1');
      await expectProblem(answer, 'unavailable');
    }
  });
});

describe('a web page', () => {
  const from = (origin: string, path = '/jobs', init: RequestInit = {}) =>
    fetch(base + path, { ...init, headers: { ...init.headers, origin } });

  test('of an allowed origin may ask, and is told so, also of errors', async () => {
    await open({ allowedOrigins: ['https://tools.example.com'] });
    for (const path of ['/jobs', `/jobs/${createJobId()}`, '/fly']) {
      const { headers } = await from('https://tools.example.com', path);
      expect(headers.get('access-control-allow-origin')).toBe('https://tools.example.com');
      expect(headers.get('vary')).toBe('Origin');
    }
    const preflight = await from('https://tools.example.com', '/jobs', {
      method: 'OPTIONS',
      headers: {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'idempotency-key',
      },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': 'https://tools.example.com',
      'access-control-allow-methods': 'HEAD, POST, GET, OPTIONS',
      'access-control-allow-headers': expect.stringContaining('Idempotency-Key'),
    });
  });

  test('of another origin, and a request for another host, is refused without a word to the page', async () => {
    const strange: [string, RequestInit][] = [
      ['/jobs', {}],
      ['/jobs', { method: 'POST', body: '{"prompt":"x"}' }],
      ['/jobs', { method: 'OPTIONS' }],
      ['/fly', {}],
    ];
    for (const [path, init] of strange) {
      const refused = await from('https://evil.example', path, init);
      expect(refused.headers.has('access-control-allow-origin')).toBe(false);
      await expectProblem(refused, 'foreign_request', /evil\.example/);
    }
    const hidden = await fetch(`${base}/jobs`, { headers: { 'sec-fetch-site': 'cross-site' } });
    await expectProblem(hidden, 'foreign_request');
    expect((await rig.log.list('default', { limit: 1 })).jobs).toEqual([]);
  });
});

/** Reads a page that fetches nothing, and all of whose links lead somewhere. */
async function readPage(path: string): Promise<{ page: string; ids: (string | undefined)[] }> {
  const response = await fetch(base + path);
  const page = await response.text();
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page).not.toMatch(/src=|@import|url\(|<script|<link|="\w+:/);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
  expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
  const others = [...page.matchAll(/href="([^"#]+)/g)].map(([, target = '']) => target);
  expect(others).not.toEqual([]);
  for (const target of others) expect((await fetch(new URL(target, response.url))).status, target).toBe(200);
  return { page, ids };
}

test('the reference is a page that fetches nothing, and names every operation, schema and error', async () => {
  const document = await (await fetch(`${base}/openapi.json`)).json();
  const { schemas } = document.components;
  const names = [...Object.keys(httpOperations), ...Object.keys(protocolErrors), ...Object.keys(schemas)];
  expect((await readPage('/docs')).ids).toEqual(expect.arrayContaining(names));
});

test('the reference of the SDK is such a page, too, and has what docs/sdk.md has, in its order', async () => {
  const text = readFileSync(new URL('../../../docs/sdk.md', import.meta.url), 'utf8');
  const headings = [...text.matchAll(/^##+ (.+)$/gm)].map(([, name]) => name);
  const { page, ids } = await readPage('/docs/sdk');
  expect(ids).toEqual(headings);
  const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&amp;': '&' };
  const said = page.replaceAll(/<[^>]+>/g, '').replaceAll(/&\w+;/g, (entity) => entities[entity] ?? entity);
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map(([, code = '']) => code);
  expect(blocks.filter((code) => !said.includes(code))).toEqual([]);
});

test('requests are counted by operation and outcome, and what is none as `none`', async () => {
  const metrics = freshMetrics();
  await open({ metrics });
  await post('/jobs', { prompt: 'x' });
  await post('/jobs', '{');
  await fetch(`${base}/jobs/${createJobId()}`);
  await fetch(`${base}/fly`);
  const { values } = await metrics.requests.get();
  expect(values.map(({ labels }) => Object.values(labels).join(' ')).sort()).toEqual([
    'http execute ok',
    'http get job_not_found',
    'http none parse_error',
    'http none unknown_path',
  ]);
});
