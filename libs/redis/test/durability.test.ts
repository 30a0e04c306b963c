import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  checkDurability,
  closeRedis,
  type Durability,
  judgeDurability,
  openRedis,
  type RedisConnection,
  watchDurability,
} from '../src/index.ts';

const sound = { aof_enabled: '1', aof_last_write_status: 'ok', maxmemory_policy: 'noeviction' };
const opened: RedisConnection[] = [];
let server: TestRedis;

beforeAll(async () => {
  server = await startTestRedis({ appendonly: true });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(closeRedis));
  if (server.kind === 'redis') await server.admin.config('SET', 'maxmemory-policy', 'noeviction');
});
afterAll(() => server.close());

function connect(url = server.url): RedisConnection {
  const redis = openRedis(url, { name: 'test', role: 'patient', onError: () => {} });
  opened.push(redis);
  return redis;
}

describe('durability by INFO', () => {
  it('is kept with an append-only file and without eviction', () => {
    expect(judgeDurability(sound)).toEqual({ state: 'kept', faults: [], unchecked: [] });
  });

  it.each([
    [{ aof_enabled: '0' }, ['set appendonly yes and appendfsync everysec']],
    [{ maxmemory_policy: 'allkeys-lru' }, ['set maxmemory-policy noeviction']],
    [{ aof_last_write_status: 'err' }, ['cannot be written']],
    [
      { aof_enabled: '0', maxmemory_policy: 'volatile-ttl' },
      ['appendonly is off', 'maxmemory-policy is volatile-ttl'],
    ],
  ])('is faulty, with what to set: %j', (info, words) => {
    const { state, faults } = judgeDurability({ ...sound, ...info });
    expect(state).toBe('faulty');
    expect(faults).toEqual(words.map((word) => expect.stringContaining(word)));
  });

  it('is unknown where a field is missing, and says which', () => {
    const { state, unchecked } = judgeDurability({ aof_enabled: '1' });
    expect(state).toBe('unknown');
    expect(unchecked).toEqual(['eviction could not be checked: INFO has no maxmemory_policy']);
  });
});

describe('durability of a server', () => {
  it('is read over the connection, without CONFIG', async (context) => {
    await needs('users', 'settings', 'persistence')(context);
    await server.admin.acl('SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all', '-config');
    const redis = connect(`redis://app:pw@127.0.0.1:${server.port}`);
    expect(await checkDurability(redis)).toMatchObject({ state: 'kept' });
    await server.admin.config('SET', 'maxmemory-policy', 'allkeys-lfu');
    expect((await checkDurability(redis)).faults).toEqual([
      expect.stringContaining('maxmemory-policy is allkeys-lfu'),
    ]);
  });

  it('is unknown to a user who may not run INFO', async (context) => {
    await needs('users')(context);
    await server.admin.acl('SETUSER', 'blind', 'on', '>pw', '~*', '&*', '+@all', '-info');
    const found = await checkDurability(connect(`redis://blind:pw@127.0.0.1:${server.port}`));
    expect(found.state).toBe('unknown');
    expect(found.unchecked).toEqual([expect.stringMatching(/could not be checked: NOPERM.*allow \+info/)]);
  });

  it('is judged of every master of a cluster', async (context) => {
    await needs('cluster')(context);
    const cluster = await startTestRedis({ cluster: true });
    const redis = connect(cluster.url);
    await redis.ping();
    expect(await checkDurability(redis)).toMatchObject({ state: 'faulty' });
    await closeRedis(redis);
    await cluster.close();
  });

  it('is looked at again when the connection comes back, and told when it has changed', async (context) => {
    await needs('settings', 'persistence')(context);
    const redis = connect();
    const told: Durability[] = [];
    const changed = Promise.withResolvers<void>();
    const watch = watchDurability(redis, (durability) => {
      told.push(durability);
      if (told.length === 2) changed.resolve();
    });
    expect(await watch.first).toMatchObject({ state: 'kept' });
    await server.admin.config('SET', 'appendonly', 'no');
    await server.killClients('others');
    await changed.promise;
    expect(told.map(({ state }) => state)).toEqual(['kept', 'faulty']);
    await server.admin.config('SET', 'appendonly', 'yes');
  });
});
