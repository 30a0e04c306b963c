import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { closeRedis, openRedis, probeRedis, RedisAddressError, seeRedis } from '../src/index.ts';

const options = { timeoutMs: 2_000, name: 'test-probe' };
let server: TestRedis;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());

async function portOf(listener: Server): Promise<number> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  return (listener.address() as AddressInfo).port;
}

describe('a probe of Redis', () => {
  it('tells addresses, latency, clock and durability of one that works, and leaves nothing behind', async () => {
    const view = await probeRedis(server.url, options);
    expect(view).toMatchObject({ ok: true, address: server.url, durability: { state: 'faulty' } });
    expect(view.servers).toEqual([
      {
        host: '127.0.0.1',
        port: server.port,
        addresses: [expect.objectContaining({ address: '127.0.0.1', code: undefined })],
      },
    ]);
    expect(view.latencyMs).toBeGreaterThanOrEqual(0);
    expect(Math.abs(view.clockOffsetMs ?? Number.NaN)).toBeLessThan(500);
    expect(String(await server.admin.client('LIST'))).not.toContain('name=test-probe');
  });

  it('says that the name is not known', async () => {
    const view = await probeRedis('redis://redis.invalid:6379', options);
    expect(view).toMatchObject({ ok: false, servers: [{ host: 'redis.invalid', addresses: [] }] });
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(view.code);
  });

  it('says that nobody listens', async () => {
    const listener = createServer();
    const port = await portOf(listener);
    listener.close();
    expect(await probeRedis(`redis://127.0.0.1:${port}`, options)).toMatchObject({
      ok: false,
      code: 'ECONNREFUSED',
      servers: [{ addresses: [{ address: '127.0.0.1', code: 'ECONNREFUSED' }] }],
    });
  });

  it('says that the password is wrong, and does not show it', async (context) => {
    await needs('users')(context);
    await server.admin.acl('SETUSER', 'app', 'on', '>right', '~*', '+@all');
    const view = await probeRedis(`redis://app:wrong-one@127.0.0.1:${server.port}`, options);
    expect(view).toMatchObject({ ok: false, code: 'WRONGPASS' });
    expect(JSON.stringify(view)).not.toContain('wrong-one');
  });

  it('says that something else has the port', async () => {
    const port = await portOf(createHttpServer((_request, response) => void response.end('hello')));
    expect(await probeRedis(`redis://127.0.0.1:${port}`, options)).toMatchObject({
      ok: false,
      code: 'NOT_REDIS',
    });
  });

  it('gives up one that accepts and says nothing', async () => {
    const port = await portOf(createServer());
    const view = await probeRedis(`redis://127.0.0.1:${port}`, { ...options, timeoutMs: 200 });
    expect(view).toMatchObject({ ok: false, code: 'TIMEOUT' });
  });

  it('rejects a URL that cannot be read', async () => {
    await expect(probeRedis('redis://', options)).rejects.toBeInstanceOf(RedisAddressError);
  });
});

describe('the view over a connection', () => {
  it('says why the connection is away', async () => {
    const redis = openRedis('redis://redis.invalid:6379', {
      name: 'test',
      role: 'patient',
      onError: () => {},
    });
    const view = await seeRedis(redis, 'redis://redis.invalid:6379', options);
    expect(view).toMatchObject({ ok: false, address: 'redis://redis.invalid:6379' });
    await closeRedis(redis);
  });

  it('ends in time when Redis stands still', async () => {
    const redis = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
    await redis.ping();
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      expect(await seeRedis(redis, server.url, { ...options, timeoutMs: 200 })).toMatchObject({
        ok: false,
        code: 'TIMEOUT',
      });
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
    await closeRedis(redis);
  });
});
