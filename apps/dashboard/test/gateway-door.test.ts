import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger } from '@cc-executor/runtime';
import { createHealth, createHttpServer, listenHttp } from '@cc-executor/service';
import { afterEach, expect, test } from 'vitest';
import { openGatewayDoor } from '../src/gateway-door.ts';

const metrics = createMetrics({ role: 'dashboard', version: 'test', isOn: false });
const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A dashboard's door to a gateway that answers so. */
async function openDoor(answer: RequestListener, { showContent = true } = {}): Promise<string> {
  const gateway = createServer(answer).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  closers.push(() => {
    gateway.closeAllConnections();
    gateway.close();
  });
  return openDoorTo(`http://127.0.0.1:${(gateway.address() as AddressInfo).port}`, showContent);
}

async function openDoorTo(gatewayUrl: string, showContent: boolean): Promise<string> {
  const health = createHealth({ service: 'dashboard', checks: {} });
  const app = createHttpServer({ health, metrics, logger });
  const visitor = { who: '', tenant: '', role: 'admin' as const, key: undefined, session: undefined };
  openGatewayDoor(app, { gatewayUrl, showContent, visitorOf: () => visitor, refused: () => undefined });
  closers.push(() => app.close());
  return `http://127.0.0.1:${await listenHttp(app, { host: '127.0.0.1', port: 0, portVariable: 'X' })}`;
}

test('a request reaches the gateway as that of a program, with what its sender said and nothing more', async () => {
  let asked: IncomingMessage | undefined;
  const door = await openDoor((request, response) => {
    asked = request;
    response.writeHead(404, { 'content-type': 'application/problem+json', 'x-inside': 'yes' }).end('{"a":1}');
  });
  const response = await fetch(`${door}/v1/jobs?status=failed&metadata%5Ba%5D=1`, {
    headers: { origin: door, authorization: 'Bearer mine', cookie: 'a=b' },
  });
  expect([response.status, await response.text()]).toEqual([404, '{"a":1}']);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.has('x-inside')).toBe(false);
  expect(asked?.url).toBe('/v1/jobs?status=failed&metadata%5Ba%5D=1');
  expect(Object.keys(asked!.headers).sort()).toEqual(['accept', 'authorization', 'connection', 'host']);
});

test('a stream is handed on as it comes, and left when its reader leaves', async () => {
  const left = Promise.withResolvers<void>();
  const door = await openDoor((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    response.on('close', left.resolve);
  });
  const reader = (await fetch(`${door}/v1/jobs/job_1/events`)).body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n');
  await reader.cancel();
  await left.promise;
});

test('a connection that asks again and again gathers nothing', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  closers.push(() => process.off('warning', note));
  const door = await openDoor((_request, response) => response.end('{}'));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closers.push(() => agent.destroy());
  for (let time = 0; time < 15; time++) {
    const [response] = (await once(request(`${door}/v1/jobs`, { agent }).end(), 'response')) as [
      IncomingMessage,
    ];
    await response.resume().toArray();
  }
  await setImmediate();
  expect(warnings).toEqual([]);
});

test('what the pages do not need is not handed on', async () => {
  const door = await openDoor((_request, response) => response.end('reached'));
  const others = [
    ['POST', '/v1/batches'],
    ['GET', '/v1/openapi.json'],
    ['DELETE', '/v1/jobs/cancel'],
    ['GET', '/v1/workspaces/a/files'],
    ['GET', '/v1/jobs/job_1/../../../metrics'],
    ['PUT', '/v1/jobs/job_1'],
  ] as const;
  for (const [method, path] of others) {
    expect(await (await fetch(door + path, { method })).text(), path).not.toContain('reached');
  }
  expect((await fetch(`${door}/v1/jobs/job_1/cancel`, { method: 'POST' })).status).toBe(200);
});

test('which jobs are to be cancelled is handed on as it was said', async () => {
  const asked = Promise.withResolvers<string>();
  const door = await openDoor(async (request, response) => {
    response.setHeader('content-type', 'application/json').end('{"jobs":[]}');
    asked.resolve(Buffer.concat(await request.toArray()).toString());
  });
  const body = JSON.stringify({ status: 'queued', metadata: { 'a b': 'ä' }, before: 1 });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${door}/v1/jobs/cancel`, { method: 'POST', headers, body });
  expect([response.status, await response.json()]).toEqual([200, { jobs: [] }]);
  expect(await asked.promise).toBe(body);
});

test('a job is started as it was asked for, with its key, and the SDK finds that a gateway is there', async () => {
  const asked = Promise.withResolvers<unknown[]>();
  const door = await openDoor(async (request, response) => {
    if (request.method === 'HEAD') return void response.end();
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"jobId":"job_1"}');
    const body = Buffer.concat(await request.toArray()).toString();
    asked.resolve([request.method, request.url, request.headers['idempotency-key'], body]);
  });
  expect((await fetch(`${door}/v1/openapi.json`, { method: 'HEAD' })).status).toBe(200);
  const body = JSON.stringify({ prompt: 'ä', attachments: [{ mediaType: 'text/plain', data: 'YQ==' }] });
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'k' };
  expect((await fetch(`${door}/v1/jobs`, { method: 'POST', headers, body })).status).toBe(201);
  expect(await asked.promise).toEqual(['POST', '/v1/jobs', 'k', body]);
});

test('pages of elsewhere reach no gateway', async () => {
  const door = await openDoor((_request, response) => response.end('reached'));
  const headers = { origin: 'https://elsewhere.example' };
  expect((await fetch(`${door}/v1/jobs/job_1/cancel`, { method: 'POST', headers })).status).toBe(403);
});

test('a gateway that does not answer is told in words', async () => {
  const response = await fetch(`${await openDoorTo('http://127.0.0.1:9', true)}/v1/jobs`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({
    code: 'unavailable',
    detail: 'No gateway answers at http://127.0.0.1:9 (ECONNREFUSED).',
  });
});

test('where content is hidden, no answer has any, in whatever form it is asked for', async () => {
  const job = {
    jobId: 'job_1',
    title: 'SECRET',
    metadata: { row: 1 },
    terminal: { text: 'SECRET', costUsd: 1 },
  };
  const events = [
    { type: 'output', seq: 3, text: 'SECRET' },
    { type: 'tool_started', seq: 4, name: 'Bash', input: { command: 'SECRET' } },
    { type: 'notice', seq: 5, message: { content: 'SECRET' } },
    { type: 'failed', seq: 6, error: { code: 'claude_auth', message: 'Log in again.' } },
  ];
  const door = await openDoor(
    (request, response) => {
      if (!request.url?.includes('/events')) {
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ jobs: [job] }));
        return;
      }
      expect(request.headers.accept).toBe('application/x-ndjson');
      response.setHeader('content-type', 'application/x-ndjson');
      response.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    },
    { showContent: false },
  );
  expect(await (await fetch(`${door}/v1/jobs`)).json()).toEqual({
    jobs: [{ jobId: 'job_1', metadata: { row: 1 }, terminal: { text: '', costUsd: 1 } }],
  });
  const headers = { accept: 'text/event-stream' };
  const text = await (await fetch(`${door}/v1/jobs/job_1/events`, { headers })).text();
  expect(
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { type: 'output', seq: 3, text: '' },
    { type: 'tool_started', seq: 4, name: 'Bash', input: {} },
    { type: 'notice', seq: 5, message: {} },
    { type: 'failed', seq: 6, error: { code: 'claude_auth', message: 'Log in again.' } },
  ]);
  expect((await fetch(`${door}/v1/jobs?text=SECRET`)).status).toBe(400);
  const words = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"text":"SECRET"}',
  };
  expect((await fetch(`${door}/v1/jobs/cancel`, words)).status).toBe(400);
  const prompt = { ...words, body: '{"prompt":"SECRET"}' };
  expect((await fetch(`${door}/v1/jobs`, prompt)).status).toBe(403);
});
