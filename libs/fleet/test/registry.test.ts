import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { needs, startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, FORGET_MS, type ServiceReport } from '../src/index.ts';

const NOW = 1_800_000_000_000;
let server: TestRedis;
let redis: RedisConnection;

beforeAll(async () => {
  server = await startTestRedis();
  redis = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
});
afterAll(async () => {
  await closeRedis(redis);
  await server.close();
});

function report(id: string, at = NOW): ServiceReport {
  return {
    id,
    role: 'worker',
    version: '1.2.3',
    at,
    everyMs: 10_000,
    status: 'ok',
    checks: {},
    system: { host: 'h', pid: 1, node: '26.0.0', time: NOW, memory: { freeBytes: 1, totalBytes: 2 } },
    redis: { address: 'redis://h:6379', ok: true },
    settings: {},
  };
}

describe('the registry', () => {
  it('lists who reported, and forgets who did not for long, or took itself out', async () => {
    const keyPrefix = uniquePrefix();
    const registry = createRegistry({ redis, keyPrefix });
    for (const one of [report('b'), report('a', NOW - FORGET_MS + 1), report('gone', NOW - FORGET_MS - 1)]) {
      await registry.write(one);
    }
    expect((await registry.list(NOW)).map(({ id }) => id)).toEqual(['a', 'b']);
    expect((await redis.hkeys(`${keyPrefix}:{services}`)).sort()).toEqual(['a', 'b']);
    await registry.remove('a');
    await registry.remove('b');
    expect(await registry.list(NOW)).toEqual([]);
    await server.assertNoKeys(keyPrefix);
  });

  it('takes reports also while Redis is full', async (context) => {
    await needs('settings')(context);
    const keyPrefix = uniquePrefix();
    const registry = createRegistry({ redis, keyPrefix });
    await server.admin.config('SET', 'maxmemory', '1');
    try {
      await registry.write(report('a'));
    } finally {
      await server.admin.config('SET', 'maxmemory', '0');
    }
    expect((await registry.list(NOW)).map(({ id }) => id)).toEqual(['a']);
    await registry.remove('a');
  });

  it('vanishes once nobody reports', async () => {
    const keyPrefix = uniquePrefix();
    await createRegistry({ redis, keyPrefix }).write(report('a'));
    const ttl = await redis.pttl(`${keyPrefix}:{services}`);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(FORGET_MS);
  });

  it('passes over what it cannot read, and leaves it to its writer', async () => {
    const keyPrefix = uniquePrefix();
    const registry = createRegistry({ redis, keyPrefix });
    await redis.hset(`${keyPrefix}:{services}`, 'newer', '{"id":"newer","shape":2}', 'broken', '{');
    await registry.write({ ...report('a'), later: 'member' } as ServiceReport);
    expect(await registry.list(NOW)).toEqual([report('a')]);
    expect(await redis.hlen(`${keyPrefix}:{services}`)).toBe(3);
  });
});
