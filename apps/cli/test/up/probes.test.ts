import { once } from 'node:events';
import { createServer } from 'node:net';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger, listen } from '@cc-executor/runtime';
import { createHealth, createHttpServer, listenHttp } from '@cc-executor/service';
import { expect, test } from 'vitest';
import { NotReadyError, probeHttp, probeRedis, waitUntilReady } from '../../src/up/probes.ts';
import { freePort } from './network.ts';

const host = '127.0.0.1';

async function probeHealth(checks: Parameters<typeof createHealth>[0]['checks']) {
  const server = createHttpServer({
    health: createHealth({ service: 'x', checks }),
    metrics: createMetrics({ role: 'x', version: '1', isOn: false }),
    logger: createLogger({ name: 'x', level: 'silent', format: 'json' }),
  });
  const port = await listenHttp(server, { host, port: 0, portVariable: 'PORT' });
  const result = await probeHttp(`http://${host}:${port}`)();
  await server.close();
  return result;
}

async function probeAnswer(answer: string) {
  const server = createServer((socket) => socket.once('data', () => socket.end(answer)));
  const port = await listen(server, { host, port: 0 });
  const result = await probeRedis(host, port)();
  server.close();
  await once(server, 'close');
  return result;
}

test('a service whose checks pass is ready, and its checks are handed on', async () => {
  const result = await probeHealth({ engine: async () => ({ ok: true, data: { engine: 'demo' } }) });
  expect(result.ready).toBe(true);
  expect(result.checks?.engine?.data).toEqual({ engine: 'demo' });
});

test('a service that is not ready says which checks failed and why', async () => {
  const result = await probeHealth({
    redis: async () => ({ ok: false, detail: 'connection refused' }),
    disk: async () => ({ ok: true }),
    claude: async () => ({ ok: false }),
  });
  expect(result).toMatchObject({ ready: false, detail: 'redis: connection refused; claude: failed' });
});

test('a service that does not answer is not ready, with the reason', async () => {
  const result = await probeHttp(`http://${host}:${await freePort()}`)();
  expect(result.ready).toBe(false);
  expect(result.detail).toMatch(/ECONNREFUSED/);
});

test('Redis is ready when it answers, also for a password, and not while it loads or is not there', async () => {
  expect(await probeAnswer('+PONG\r\n')).toEqual({ ready: true, detail: '+PONG' });
  expect((await probeAnswer('-NOAUTH Authentication required.\r\n')).ready).toBe(true);
  expect(await probeAnswer('-LOADING Redis is loading\r\n')).toEqual({
    ready: false,
    detail: '-LOADING Redis is loading',
  });
  expect((await probeAnswer('')).ready).toBe(false);
  expect((await probeRedis(host, await freePort())()).detail).toMatch(/ECONNREFUSED/);
});

test('waiting tells what is in the way, and ends with the last answer when the time is over', async () => {
  const told: string[] = [];
  let count = 0;
  const waiting = waitUntilReady({
    probe: async () => ({ ready: false, detail: `answer ${++count}` }),
    timeoutMs: 250,
    signal: new AbortController().signal,
    tellEveryMs: 1,
    onWaiting: (detail) => told.push(detail),
  });
  await expect(waiting).rejects.toThrow(NotReadyError);
  await expect(waiting).rejects.toThrow(`answer ${count}`);
  expect(told).toContain('answer 2');
});

test('waiting ends as soon as it is aborted', async () => {
  const abort = new AbortController();
  const waiting = waitUntilReady({
    probe: async () => {
      abort.abort();
      return { ready: false, detail: '' };
    },
    timeoutMs: 600_000,
    signal: abort.signal,
    tellEveryMs: 600_000,
    onWaiting: () => {},
  });
  await expect(waiting).rejects.toThrow(/abort/i);
});
