import { once } from 'node:events';
import { createServer, maxHeaderSize } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger } from '@cc-executor/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHealth, createHttpServer, type HttpServer, listenHttp } from '../src/index.ts';

type Options = Partial<Parameters<typeof createHttpServer>[0]>;

/** A server that listens, with what `addRoutes` adds; closed after the test. */
async function start(options: Options = {}, addRoutes: (server: HttpServer) => void = () => {}) {
  const lines: { msg: string; err?: { message: string } }[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const server = createHttpServer({
    health: createHealth({ service: 'x', version: '1.2.3', checks: { sure: async () => ({ ok: true }) } }),
    metrics: createMetrics({ role: 'x', version: '1.2.3', isOn: true }),
    logger: createLogger({ name: 'x', level: 'info', format: 'json', stream }),
    ...options,
  });
  addRoutes(server);
  const port = await listenHttp(server, { host: '127.0.0.1', port: 0, portVariable: 'X_PORT' });
  onTestFinished(() => server.close());
  return { server, port, url: `http://127.0.0.1:${port}`, lines };
}

/** Writes these bytes and reads until the server closes the connection. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

describe('every service', () => {
  test('answers /health and /ready with one line of JSON, also to HEAD, and to no other method', async () => {
    const { url } = await start();
    for (const path of ['/health?x=1', '/ready']) {
      const response = await fetch(url + path);
      const body = await response.text();
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(body).toMatch(/^\{.*\}\n$/);
      expect(JSON.parse(body)).toMatchObject({ service: 'x', version: '1.2.3', status: 'ok' });
      const head = await fetch(url + path, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
        ...[200, 'application/json', ''],
      ]);
      expect((await fetch(url + path, { method: 'POST' })).status).toBe(404);
    }
  });

  test('is asked for paths alone: the host of an address is none that it has looked at', async () => {
    const { port } = await start();
    const rest = 'Host: localhost\r\nConnection: close\r\n\r\n';
    for (const address of [`http://localhost:${port}/health`, 'HTTP://evil.example/health'])
      expect(await exchange(port, `GET ${address} HTTP/1.1\r\n${rest}`)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('is 503 at /ready when it is not, and lives on at /health', async () => {
    const health = createHealth({ service: 'x', checks: { no: async () => ({ ok: false }) } });
    const { url } = await start({ health });
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    health.setDraining();
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: 'draining' });
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('shows its metrics, but not where they are switched off', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics?x=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toContain('cc_executor_build_info{version="1.2.3",role="x"} 1\n');
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/metrics/more`)).status).toBe(404);
    const off = await start({ metrics: createMetrics({ role: 'x', version: '1', isOn: false }) });
    expect((await fetch(`${off.url}/metrics`)).status).toBe(404);
  });
});

describe('what is not here', () => {
  test.each([
    ['JSON of its own accord', {}, 'application/json; charset=utf-8', '{"error":"there is no GET /other"}'],
    ['text', { describeMissing: () => 'Look elsewhere.\n' }, 'text/plain', 'Look elsewhere.\n'],
    ['nothing', { describeMissing: () => undefined }, null, ''],
  ])('is answered 404 with %s', async (_, options, contentType, body) => {
    const response = await fetch(`${(await start(options)).url}/other?x=1`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe(contentType);
    expect(await response.text()).toBe(body);
  });

  test.each(['/%zz', '//health', '/health/', '/HEALTH'])('%s is not /health', async (path) => {
    const { port } = await start();
    const answer = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('is answered before a body has come, whatever its type', async () => {
    const { port } = await start();
    const head = 'POST /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n';
    for (const type of ['application/json', 'image/png', 'no type']) {
      expect(await exchange(port, `${head}Content-Type: ${type}\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 404 /);
    }
  });
});

describe('a request that fails', () => {
  const addRoutes = (server: HttpServer) => {
    server.get('/broken', () => Promise.reject(new Error('the password is hunter2')));
    server.post('/json', async (request) => request.body);
  };
  const post = (url: string, body: string) =>
    fetch(`${url}/json`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });

  test('by our fault is logged, and its words are not told', async () => {
    const { url, lines } = await start({}, addRoutes);
    const response = await fetch(`${url}/broken`);
    expect([response.status, await response.json()]).toEqual([500, { error: 'internal error' }]);
    expect(lines.map(({ msg, err }) => [msg, err?.message])).toEqual([
      ['request failed', 'the password is hunter2'],
    ]);
  });

  test("by its sender's fault is told why, in the service's own form, and not logged", async () => {
    const { url, lines } = await start({ bodyLimitBytes: 10 }, addRoutes);
    const wrong = await post(url, '{');
    expect([wrong.status, await wrong.json()]).toEqual([400, { error: expect.stringMatching(/JSON/) }]);
    expect((await post(url, JSON.stringify('long enough'))).status).toBe(413);
    const own = await start({ describeFault: ({ statusCode }) => ({ own: statusCode }) }, addRoutes);
    expect(await (await post(own.url, '{')).json()).toEqual({ own: 400 });
    expect(lines).toEqual([]);
  });
});

describe('a connection', () => {
  test('is held to the bounds that Node has for requests, headers and silence', async () => {
    const { server } = await start();
    const node = createServer();
    const bounds = ['requestTimeout', 'headersTimeout', 'keepAliveTimeout', 'maxHeadersCount'] as const;
    for (const bound of bounds) expect(server.server[bound], bound).toBe(node[bound]);
  });

  test('with headers that are too long, or that is not HTTP, is told so and closed', async () => {
    const { port } = await start();
    const long = `GET /health HTTP/1.1\r\nX: ${'x'.repeat(maxHeaderSize)}\r\n\r\n`;
    expect(await exchange(port, long)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await exchange(port, 'what?\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('is not written into when what follows a request is not HTTP while that is answered', async () => {
    const begun = Promise.withResolvers<void>();
    const { port } = await start({}, (server) => {
      server.get('/stream', (_request, reply) => {
        reply.hijack();
        reply.raw.write('once');
        begun.resolve();
      });
    });
    const socket = connect(port, '127.0.0.1');
    const received = text(socket);
    socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await begun.promise;
    socket.write('what?\r\n\r\n');
    const answer = await received;
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.split('\r\n\r\n')[1]).toBe('4\r\nonce\r\n');
  });

  test('is kept for the next request, and does not hold up the end of the service', async () => {
    const { server, port } = await start();
    const socket = connect(port, '127.0.0.1');
    const received = text(socket);
    const answers = Promise.withResolvers<void>();
    let seen = '';
    socket.on('data', (data) => {
      seen += data;
      if (seen.match(/HTTP\/1\.1 200/g)?.length === 2) answers.resolve();
    });
    for (let i = 0; i < 2; i += 1) socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await answers.promise;
    expect(seen).toContain('Keep-Alive: timeout=5\r\n');
    await server.close();
    await server.close();
    await received;
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });

  test.each([true, false])('closing lets a request end: %s', async (finishesRequests) => {
    const begun = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const { server, url } = await start({ finishesRequests }, (app) => {
      app.get('/slow', async () => {
        begun.resolve();
        await released.promise;
        return 'done';
      });
    });
    const answer = fetch(`${url}/slow`).then(
      (response) => response.text(),
      () => 'cut off',
    );
    await begun.promise;
    const closed = server.close();
    if (!finishesRequests) expect(await answer).toBe('cut off');
    released.resolve();
    expect(await answer).toBe(finishesRequests ? 'done' : 'cut off');
    await closed;
  });
});

test('a port that is taken is named, with the variable that changes it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const { server } = await start();
  await server.close();
  const another = createHttpServer({
    health: createHealth({ service: 'x', checks: {} }),
    metrics: createMetrics({ role: 'x', version: '1', isOn: false }),
    logger: createLogger({ name: 'x', level: 'silent', format: 'json' }),
  });
  await expect(
    listenHttp(another, { host: '127.0.0.1', port, portVariable: 'X_PORT' }),
  ).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: expect.stringMatching(new RegExp(`port ${port}.*X_PORT`)),
  });
});
