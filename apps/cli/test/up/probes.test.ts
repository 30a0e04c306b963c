import { createServer } from 'node:net';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger, listen } from '@cc-executor/runtime';
import { createHealth, createHttpServer, listenHttp } from '@cc-executor/service';
import { freePort, needs, startTestRedis } from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';
import { NotReadyError, probeHttp, probeRedisServer, waitUntilReady } from '../../src/up/probes.ts';

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

/** What is told of a server that answers everything with this line. */
async function probeAnswer(answer: string) {
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      for (const _ of String(data).matchAll(/^\*/gm)) socket.write(answer);
    });
  });
  const port = await listen(server, { host, port: 0 });
  onTestFinished(() => void server.close());
  return probeRedisServer(`redis://${host}:${port}`)();
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

test('Redis is ready when it answers, also to a wrong login or one that may do little', async (context) => {
  await needs('users')(context);
  const server = await startTestRedis();
  onTestFinished(() => server.close());
  const withLogin = (login: string) => `redis://${login}@${host}:${server.port}`;
  await server.admin.acl('SETUSER', 'weak', 'on', '>right', '-@all');
  for (const url of [server.url, withLogin('weak:right'), withLogin('weak:wrong')]) {
    expect(await probeRedisServer(url)()).toEqual({ ready: true, detail: '' });
  }
});

test('Redis is not ready while it loads, where something else answers, or where nothing does', async () => {
  expect(await probeAnswer('-LOADING Redis is loading the dataset in memory\r\n')).toEqual({
    ready: false,
    detail: 'it is not ready yet (LOADING)',
  });
  expect((await probeAnswer('HTTP/1.1 400 Bad Request\r\n')).detail).toMatch(/NOT_REDIS/);
  expect((await probeRedisServer(`redis://${host}:${await freePort()}`)()).detail).toMatch(/ECONNREFUSED/);
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
