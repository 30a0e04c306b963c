/** The balancer by itself, in front of something that tells what reached it: headers, limits for each source, readiness. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { docker } from './support/docker.ts';
import { useStack } from './support/stack.ts';

useStack();

const config = fileURLToPath(new URL('../../deploy/haproxy/haproxy.cfg', import.meta.url));

/** Answers with the headers that it was sent, and is ready unless its name says otherwise. */
const ECHO = `require('node:http').createServer(({ url, headers }, response) => {
  response.statusCode = url === '/ready' && process.argv[1] === 'unready' ? 503 : 200;
  response.end(JSON.stringify({ headers, secret: 'redis: no answer from 10.0.0.1' }));
}).listen(8003);`;

async function start(env: Record<string, string> = {}, gateway = 'ready') {
  const name = `cc-executor-test-${randomBytes(4).toString('hex')}`;
  await docker(['network', 'create', name]);
  onTestFinished(async () => {
    await docker(['rm', '--force', `${name}-gateway`, `${name}-balancer`]);
    await docker(['network', 'rm', name]);
  });
  const common = ['run', '--detach', '--network', name];
  await docker([
    ...[...common, '--name', `${name}-gateway`, '--network-alias', 'gateway', '--init'],
    ...['node:26-trixie-slim', 'node', '-e', ECHO, gateway],
  ]);
  const settings = {
    SOURCE_MAX_CONNECTIONS: '2000',
    SOURCE_MAX_RATE: '2000',
    TRUSTED_PROXIES: '127.0.0.1',
    ...env,
  };
  await docker([
    ...[...common, '--name', `${name}-balancer`, '--publish', '127.0.0.1::8003'],
    ...['--volume', `${config}:/usr/local/etc/haproxy/haproxy.cfg:ro`],
    ...Object.entries(settings).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    'haproxy:3.0',
  ]);
  const [, port] = /:(\d+)/.exec(await docker(['port', `${name}-balancer`, '8003']))!;
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...headers, connection: 'close' } });
  await vi.waitFor(async () => expect((await get('/health')).status).toBe(200), {
    timeout: 20_000,
    interval: 500,
  });
  return { port: Number(port), get };
}

const lies = {
  forwarded: 'for=203.0.113.9',
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-prefix': '/evil',
  'x-real-ip': '203.0.113.9',
};

async function headersBehind(response: Response): Promise<Record<string, string>> {
  const { headers } = (await response.json()) as { headers: Record<string, string> };
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /forward|real/.test(name)));
}

test('what a client says of where it comes from is dropped, and what the balancer sees told', async () => {
  const { get } = await start();
  const seen = await headersBehind(await get('/health', lies));
  expect(seen).toEqual({
    'x-forwarded-for': expect.stringMatching(/^[\d.]+$/),
    'x-forwarded-proto': 'http',
  });
  expect(seen['x-forwarded-for']).not.toBe('203.0.113.9');
});

test('readiness is published, and not what is behind it', async () => {
  const ready = await (await start()).get('/ready');
  expect([ready.status, await ready.text()]).toEqual([200, '{"service":"gateway","status":"ok"}']);
  const { get } = await start({}, 'unready');
  const unready = { status: 503, text: '{"service":"gateway","status":"unavailable"}' };
  // A gateway counts as ready until it was asked twice.
  await vi.waitFor(
    async () => {
      const answer = await get('/ready');
      expect({ status: answer.status, text: await answer.text() }).toEqual(unready);
    },
    { timeout: 20_000, interval: 500 },
  );
});

async function hold(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Whether the balancer answers on it. A door of Docker's own takes connections first, so that being connected says little. */
function isServed(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve(false);
    socket.once('data', () => resolve(true)).once('close', () => resolve(false));
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  });
}

test('one source gets no more connections than it may have, others theirs', async () => {
  const { port } = await start({ SOURCE_MAX_CONNECTIONS: '3' });
  const held = await Promise.all([hold(port), hold(port), hold(port)]);
  expect(await isServed(held[0]!)).toBe(true);
  expect(await isServed(await hold(port))).toBe(false);
  held[1]!.destroy();
  await vi.waitFor(async () => expect(await isServed(await hold(port))).toBe(true), { timeout: 5_000 });
});

test('nor begins more of them in ten seconds than it may', async () => {
  const { port } = await start({ SOURCE_MAX_RATE: '10' });
  const served = await Promise.all(Array.from({ length: 20 }, async () => isServed(await hold(port))));
  expect(served.filter(Boolean).length).toBeLessThanOrEqual(10);
  expect(await isServed(await hold(port))).toBe(false);
});

test('behind a proxy that is trusted, those it names are the sources', async () => {
  const { get } = await start({ SOURCE_MAX_RATE: '3', TRUSTED_PROXIES: '127.0.0.1 0.0.0.0/0' });
  const status = async (source: string) => (await get('/health', { 'x-forwarded-for': source })).status;
  const first: number[] = [];
  for (let count = 0; count < 5; count += 1) first.push(await status('198.51.100.7, 203.0.113.1'));
  expect(first).toEqual([200, 200, 200, 429, 429]);
  expect(await status('198.51.100.7, 203.0.113.2')).toBe(200);
  const seen = await headersBehind(await get('/health', { ...lies, 'x-forwarded-for': '203.0.113.3' }));
  expect(seen).toMatchObject({
    'x-forwarded-proto': 'https',
    'x-forwarded-for': expect.stringMatching(/^203\.0\.113\.3, /),
  });
});
