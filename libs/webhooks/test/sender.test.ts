/** Real sockets; only names are resolved by the test. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTargetRules } from '@cc-executor/runtime/targets';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { createWebhookSender } from '../src/sender.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const never = new AbortController().signal;

async function startReceiver(answer: RequestListener) {
  const requests: { request: IncomingMessage; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ request, body });
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, requests, url: `http://127.0.0.1:${port}/hook?from=test`, server };
}

function send(
  url: string,
  {
    rules = ['127.0.0.1'],
    timeoutMs = 5_000,
    lookup,
    signal = never,
  }: { rules?: string[]; timeoutMs?: number; lookup?: () => Promise<string[]>; signal?: AbortSignal } = {},
) {
  const sender = createWebhookSender({
    targets: createTargetRules(rules),
    timeoutMs,
    userAgent: 'test',
    ...(lookup && { lookup }),
  });
  return sender.send(
    { id: 'evt_1', url, body: '{"type":"completed"}', at: Date.now(), secrets: [secret] },
    signal,
  );
}

test('a receiver gets it whole, and can check it', async () => {
  const { url, requests } = await startReceiver((_, response) => response.writeHead(204).end());
  expect(await send(url)).toEqual({ status: 204 });
  const [{ request, body } = { request: {} as IncomingMessage, body: '' }] = requests;
  expect(request).toMatchObject({ method: 'POST', url: '/hook?from=test' });
  expect(request.headers['content-type']).toBe('application/json');
  expect(new Webhook(secret).verify(body, request.headers as Record<string, string>)).toEqual({
    type: 'completed',
  });
});

test('a redirect is not followed', async () => {
  const inside = await startReceiver((_, response) => response.end());
  const { url } = await startReceiver((_, response) =>
    response.writeHead(307, { location: inside.url }).end(),
  );
  expect(await send(url)).toEqual({ status: 307 });
  expect(inside.requests).toEqual([]);
});

test.each([
  ['7', 7_000],
  [new Date(Date.now() + 60_000).toUTCString(), expect.closeTo(60_000, -4)],
  [new Date(0).toUTCString(), 0],
  ['soon', undefined],
])('Retry-After: %s is %s ms', async (header, retryAfterMs) => {
  const { url } = await startReceiver((_, response) =>
    response.writeHead(503, { 'retry-after': header }).end(),
  );
  expect(await send(url)).toEqual({ status: 503, ...(retryAfterMs !== undefined && { retryAfterMs }) });
});

test('an answer without an end is not read to its end', async () => {
  const { url, server } = await startReceiver((_, response) => {
    const more = () => {
      if (!response.destroyed) response.write('x'.repeat(64 * 1024), () => setImmediate(more));
    };
    more();
  });
  const connections = once(server, 'connection');
  expect(await send(url, { timeoutMs: 60_000 })).toEqual({ status: 200 });
  const [socket] = await connections;
  if (!socket.destroyed) await once(socket, 'close');
});

test('a name is resolved once, and what it meant then is connected to', async () => {
  const { port, requests } = await startReceiver((_, response) => response.end());
  let lookups = 0;
  const lookup = async () => {
    lookups += 1;
    return ['10.0.0.1', '127.0.0.1'];
  };
  // A name that nothing but this lookup knows.
  expect(await send(`http://hooks.invalid:${port}/`, { lookup })).toEqual({ status: 200 });
  expect(lookups).toBe(1);
  expect(requests[0]?.request.headers.host).toBe(`hooks.invalid:${port}`);
});

test.each(['http://127.0.0.1:1/', 'http://localhost:1/', 'https://hooks.invalid/'])(
  'nothing is sent to %s, which has no permitted address',
  async (url) => {
    const lookup = async () => ['127.0.0.1', '::1'];
    expect(await send(url, { rules: [], lookup })).toEqual({ error: 'target_refused' });
  },
);

test('a receiver that is away, slow, or hangs up has a word for it', async () => {
  const gone = await startReceiver(() => undefined);
  gone.server.close();
  await once(gone.server, 'close');
  expect(await send(gone.url)).toEqual({ error: 'ECONNREFUSED' });
  const slow = await startReceiver(() => undefined);
  expect(await send(slow.url, { timeoutMs: 100 })).toEqual({ error: 'timeout' });
  const rude = await startReceiver((request) => request.socket.destroy());
  expect(await send(rude.url)).toEqual({ error: expect.stringMatching(/^[A-Z_]+$/) });
  const lookup = () => new Promise<string[]>(() => undefined);
  expect(await send('http://hooks.invalid/', { timeoutMs: 100, lookup })).toEqual({ error: 'timeout' });
});

test('whoever breaks it off gets the reason', async () => {
  const slow = await startReceiver(() => aborted.abort(new Error('closing')));
  const aborted = new AbortController();
  await expect(send(slow.url, { signal: aborted.signal })).rejects.toThrow('closing');
});
