import { expect, test } from 'vitest';
import { judgeRedis, judgeSoftware } from '../../src/doctor/redis-view.ts';

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

const memory = { usedBytes: 95 * 2 ** 20, maxBytes: 100 * 2 ** 20 };

test.each([
  ['fail', { ok: true, memory }, undefined, /Redis is full: 95 of 100 MiB/, /maxmemory/],
  ['ok', { ok: true, memory }, 96, /answers/, undefined],
  [
    'fail',
    { ok: true, memory: { ...memory, usedBytes: 9 * memory.maxBytes } },
    100,
    /Redis is full/,
    /JOB_RET/,
  ],
  ['ok', { ok: true }, undefined, /answers/, undefined],
  [
    'fail',
    { ok: false, code: 'MISCONF', detail: 'MISCONF no space left' },
    undefined,
    /its disk is full.*no space/,
    /df/,
  ],
  ['fail', { ok: false, code: 'NOREPLICAS' }, undefined, /too few replicas follow it/, /min-replicas/],
])('says whether there is room: %s, %o', (level, view, fullPercent, words, advice) => {
  const [finding] = judgeRedis('here', { address: 'redis://here:1', ...view }, fullPercent);
  expect(finding).toMatchObject({ level, message: expect.stringMatching(words) });
  expect(finding?.message).not.toMatch(/reach/);
  if (advice) expect(finding?.advice).toMatch(advice);
});
