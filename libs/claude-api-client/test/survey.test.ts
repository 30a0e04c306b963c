import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { startScriptedUpstream } from '@cc-executor/testing';
import { expect, it, onTestFinished } from 'vitest';
import { createClaudeApiClient } from '../src/index.ts';

async function startReady(host: string, port: number, body: object, status = 200) {
  const server = createHttpServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }).listen(port, host);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it('a survey looks at every address of the name and keeps of each what counts', async () => {
  const port = await startReady('127.0.0.2', 0, {
    service: 'claude-api',
    version: '1.2.3',
    status: 'ok',
    checks: { engine: { ok: true, detail: 'Claude Code 2', data: { engine: 'claude', secret: 'x' } } },
    system: { host: 'h' },
  });
  await startReady('127.0.0.3', port, { status: 'draining', service: 'claude-api' }, 503);
  const client = createClaudeApiClient({
    url: `http://user:pass@claude-api:${port}`,
    lookup: async () => ['127.0.0.4', '127.0.0.3', '127.0.0.2', '127.0.0.2'],
  });
  const latencyMs = expect.any(Number);
  expect(await client.survey(2_000)).toEqual({
    url: `http://claude-api:${port}`,
    addresses: [
      {
        ...{ address: '127.0.0.2', latencyMs, statusCode: 200, service: 'claude-api', version: '1.2.3' },
        ...{ status: 'ok', detail: 'Claude Code 2', engine: 'claude', system: { host: 'h' } },
      },
      { address: '127.0.0.3', latencyMs, statusCode: 503, service: 'claude-api', status: 'draining' },
      { address: '127.0.0.4', latencyMs, code: 'ECONNREFUSED' },
    ],
  });
  await client.close();
});

it('a survey says why the name does not resolve, and gives up on one that hangs', async () => {
  const unknown = createClaudeApiClient({
    url: 'http://claude-api',
    lookup: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })),
  });
  expect(await unknown.survey(1_000)).toEqual({
    url: 'http://claude-api',
    nameCode: 'ENOTFOUND',
    addresses: [],
  });
  const hanging = createClaudeApiClient({ url: 'http://claude-api', lookup: () => new Promise(() => {}) });
  expect(await hanging.survey(50)).toMatchObject({ nameCode: 'CONNECT_TIMEOUT' });
});

it('a survey tells silence from another protocol, and leaves no connection open', async () => {
  const mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as AddressInfo;
  const silent = createClaudeApiClient({ url: `http://127.0.0.1:${port}` });
  expect((await silent.survey(100)).addresses).toEqual([expect.objectContaining({ code: 'TIMEOUT' })]);

  const chatty = createServer((socket) => void socket.end('-ERR no HTTP here\r\n')).listen(0, '127.0.0.1');
  await once(chatty, 'listening');
  onTestFinished(() => void chatty.close());
  const other = createClaudeApiClient({ url: `http://127.0.0.1:${(chatty.address() as AddressInfo).port}` });
  expect((await other.survey(1_000)).addresses).toEqual([expect.objectContaining({ code: 'NOT_HTTP' })]);

  const upstream = await startScriptedUpstream({});
  onTestFinished(() => upstream.close());
  const client = createClaudeApiClient({ url: upstream.url });
  expect((await client.survey(1_000)).addresses).toEqual([expect.objectContaining({ statusCode: 200 })]);
  expect(upstream.openConnections()).toBe(0);
});
