import { checkDurability, describeSoftware } from '@cc-executor/redis';
import { chooseTestRedis, startTestRedis } from '@cc-executor/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { originOf } from '../src/index.ts';

describe('what a running Redis says of itself tells which one it is', () => {
  test('of one that this code has started', async () => {
    const choice = await chooseTestRedis();
    const server = await startTestRedis();
    onTestFinished(() => server.close());
    expect(originOf((await describeSoftware(server.admin)) ?? {})).toBe(choice.kind);
  });

  test('and that it keeps what it accepts, unless it is told otherwise', async () => {
    const server = await startTestRedis({ appendonly: true });
    onTestFinished(() => server.close());
    const kept = server.kind === 'redis' ? 'kept' : 'faulty';
    expect((await checkDurability(server.admin)).state).toBe(kept);
  });

  test('of the embedded one', async () => {
    const server = await startTestRedis({ embedded: true });
    onTestFinished(() => server.close());
    expect(originOf((await describeSoftware(server.admin)) ?? {})).toBe('embedded');
  });

  test.each([
    ['external', { os: 'Linux', executable: '/usr/bin/redis-server', configFile: '/etc/redis/redis.conf' }],
    ['external', { os: 'Linux', executable: '/usr/bin/redis-server', configFile: '' }],
    [
      'installed',
      { executable: '/usr/bin/redis-server', configFile: '/home/me/cce/libs/local-redis/redis.conf' },
    ],
    [
      'fetched',
      {
        executable: '/home/me/cce/.cache/redis-server/debian-12-x64/bin/../root/usr/bin/redis-server',
        configFile: '/home/me/cce/libs/local-redis/redis.conf',
      },
    ],
  ])('%s', (kind, software) => {
    expect(originOf(software)).toBe(kind);
  });
});
