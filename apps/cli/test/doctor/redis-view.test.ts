import { expect, test } from 'vitest';
import { judgeSoftware } from '../../src/doctor/redis-view.ts';

const redis = { name: 'redis', version: '7.0.15', os: 'Linux', executable: '/usr/bin/redis-server' };
const configFile = '/home/me/cce/libs/local-redis/redis.conf';
const executable = '/home/me/cce/.cache/redis-server/debian-12-x64/bin/../root/usr/bin/redis-server';

test.each([
  ['ok', { ...redis, configFile: '/etc/redis.conf' }, 'redis 7.0.15, given by REDIS_URL'],
  ['ok', { ...redis, configFile }, 'installed on its machine, and started by `npm start`'],
  ['ok', { ...redis, configFile, executable }, 'fetched and started by `npm start`'],
  ['warn', { ...redis, os: 'mocked redis' }, 'EMBEDDED'],
])('names which Redis it is: %s, %o', (level, software, words) => {
  const [finding] = judgeSoftware({ address: 'redis://here:1', ok: true, software });
  expect(finding).toMatchObject({ subject: 'redis, server', level });
  expect(finding?.message).toMatch(/^redis:\/\/here:1: /);
  expect(finding?.message).toContain(words);
});

test('says nothing where it is not known', () => {
  expect(judgeSoftware({ address: 'redis://here:1', ok: true })).toEqual([]);
});
