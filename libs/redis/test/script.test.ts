import { once } from 'node:events';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterEach, expect, it } from 'vitest';
import { closeRedis, defineScript, openRedis, type RedisConnection, scriptSource } from '../src/index.ts';

let server: TestRedis;
let redis: RedisConnection;
afterEach(async () => {
  await closeRedis(redis);
  await server.close();
});

const script = {
  name: 'test:set',
  numberOfKeys: 1,
  lua: "return { redis.call('SET', KEYS[1], ARGV[1]) }",
  whenFull: true,
};

async function connect(embedded: boolean): Promise<void> {
  server = await startTestRedis({ embedded });
  redis = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
}

it('a script that must run when Redis is full runs without its flags where they are not known', async () => {
  await connect(true);
  await expect(server.admin.eval(scriptSource(script), 1, 'key', 'value')).rejects.toThrow(/^ERR/);
  const set = defineScript(redis, script);
  expect(await set(['key'], ['value'])).toEqual(['OK']);
  expect(await server.admin.get('key')).toBe('value');
});

it('it runs when Redis is full, and one that need not is refused', async ({ skip }) => {
  await connect(false);
  skip(server.kind !== 'redis', 'the embedded server has no maxmemory');
  const set = defineScript(redis, script);
  const setIfRoom = defineScript(redis, { ...script, name: 'test:setIfRoom', whenFull: false });
  await server.admin.config('SET', 'maxmemory', '1');
  expect(await set(['key'], ['value'])).toEqual(['OK']);
  await expect(setIfRoom(['key'], ['other'])).rejects.toThrow(/^OOM/);
});

it('whether flags are known is asked again when the connection has come back', async ({ skip }) => {
  await connect(false);
  skip(server.kind !== 'redis', 'the embedded server counts no calls');
  const set = defineScript(redis, script);
  const calls = async () =>
    Number(/cmdstat_eval:calls=(\d+)/.exec(await server.admin.info('commandstats'))?.[1]);
  await set(['key'], ['a']);
  const before = await calls();
  await set(['key'], ['b']);
  expect(await calls()).toBe(before);
  const back = once(redis, 'ready');
  await server.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await back;
  await set(['key'], ['c']);
  expect(await calls()).toBeGreaterThan(before);
});
