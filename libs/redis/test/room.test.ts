/** Whether a Redis has room, seen from outside: real limits, and a disk that is not there. */
import { rm } from 'node:fs/promises';
import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  closeRedis,
  openRedis,
  percentOf,
  type RedisConnection,
  type Room,
  seeRedis,
  untilConnected,
  watchRoom,
} from '../src/index.ts';

const WAIT = { timeout: 10_000 };

let server: TestRedis;
const open: RedisConnection[] = [];

beforeEach(async (context) => {
  await needs('settings')(context);
  server = await startTestRedis();
  // So much that buffers do not matter beside it.
  await server.admin.setrange('ballast', 20_000_000, 'x');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(closeRedis));
  await server?.close();
});

function connect(user = ''): RedisConnection {
  const url = server.url.replace('//', `//${user}`);
  const redis = openRedis(url, { name: 'test', role: 'impatient', onError: () => {} });
  open.push(redis);
  return redis;
}

async function watch(user = '') {
  const redis = connect(user);
  await untilConnected([redis]);
  const seen: Room[] = [];
  // It looks when it is told to.
  const roomWatch = watchRoom(redis, { fullPercent: 90, everyMs: 60_000 });
  roomWatch.onChange((room) => seen.push(room));
  return { ...roomWatch, seen };
}

/** Sets the limit so that so much of it is used, about. */
async function use(percent: number): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(await server.admin.info('memory'))?.[1]);
  await server.admin.config('SET', 'maxmemory', Math.round((used * 100) / percent));
}

describe('a Redis', () => {
  it('without a limit has room', async () => {
    const { look, room, memory, seen, close } = await watch();
    await look();
    expect([room(), memory(), seen]).toEqual(['enough', undefined, []]);
    close();
  });

  it('is full from so much on, and has room again a little below, not in between', async () => {
    const { look, room, memory, seen, close } = await watch();
    const rooms: [number, Room][] = [
      [80, 'enough'],
      [95, 'memory_full'],
      [89, 'memory_full'],
      [80, 'enough'],
      [88.9, 'enough'],
      [1_000, 'memory_full'],
    ];
    for (const [percent, expected] of rooms) {
      await use(percent);
      await look();
      expect([percent, room()]).toEqual([percent, expected]);
      expect(percentOf(memory() ?? { usedBytes: 0, maxBytes: 1 }) / percent).toBeCloseTo(1, 1);
    }
    expect(seen).toEqual(['memory_full', 'enough', 'memory_full']);
    close();
  });

  it('that cannot write to its disk is told apart, also when it is full besides', async () => {
    const { look, room, close } = await watch();
    const [, folder = ''] = (await server.admin.config('GET', 'dir')) as string[];
    await rm(folder, { recursive: true });
    await server.admin.config('SET', 'save', '3600 1');
    await server.admin.call('BGSAVE');
    while (!(await server.admin.info('persistence')).includes('rdb_last_bgsave_status:err'));
    await use(95);
    await look();
    expect(room()).toBe('disk_full');
    // As if there were room on the disk.
    await server.admin.config('SET', 'save', '');
    await look();
    expect(room()).toBe('memory_full');
    close();
  });

  it('that takes no writes, because too few replicas follow it, is told apart, also when it is full besides', async (context) => {
    await needs('replication')(context);
    const { look, room, seen, close } = await watch();
    const see = () => seeRedis(connect(), server.url, { timeoutMs: 5_000, name: 'test' });
    await server.admin.config('SET', 'min-replicas-to-write', '1');
    await use(95);
    await look();
    expect(room()).toBe('no_replicas');
    expect(await see()).toMatchObject({ ok: false, code: 'NOREPLICAS' });
    await server.admin.config('SET', 'maxmemory', '0', 'repl-diskless-sync-delay', '0');
    const replica = await startTestRedis();
    try {
      await replica.admin.replicaof('127.0.0.1', server.port);
      await vi.waitFor(async () => expect(await server.admin.set('key', 'x')).toBe('OK'), WAIT);
      await look();
      expect([seen, (await see()).ok]).toEqual([['no_replicas', 'enough'], true]);
      // A replica has none of its own, and need not.
      await replica.admin.config('SET', 'min-replicas-to-write', '1');
      const view = await seeRedis(replica.admin, replica.url, { timeoutMs: 5_000, name: 'test' });
      expect(view.code).toBeUndefined();
    } finally {
      await replica.close();
    }
    close();
  });

  it('is what it was last while it is away', async () => {
    const { look, room, close } = await watch();
    await use(95);
    await look();
    await server.kill();
    await look();
    expect(room()).toBe('memory_full');
    close();
  });

  it('has room for a user who may not look', async (context) => {
    await needs('users')(context);
    await server.admin.acl('SETUSER', 'blind', 'on', '>pw', '+@all', '-info', '~*', '&*');
    const { look, room, close } = await watch('blind:pw@');
    await use(95);
    await look();
    expect(room()).toBe('enough');
    close();
  });
});
