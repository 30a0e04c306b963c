import { once } from 'node:events';
import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { expect, it, onTestFinished } from 'vitest';
import {
  closeRedis,
  defineScript,
  observeScripts,
  openRedis,
  type RedisConnection,
  scriptSource,
} from '../src/index.ts';

let server: TestRedis;
let redis: RedisConnection;

async function connect({ embedded = false } = {}): Promise<void> {
  server = await startTestRedis({ embedded });
  const connection = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
  redis = connection;
  onTestFinished(async () => {
    await closeRedis(connection);
    await server.close();
  });
}

const script = {
  name: 'test:set',
  numberOfKeys: 1,
  lua: "return { redis.call('SET', KEYS[1], ARGV[1]) }",
  whenFull: true,
};

it('a script that must run when Redis is full runs without its flags where they are not known', async () => {
  await connect({ embedded: true });
  await expect(server.admin.eval(scriptSource(script), 1, 'key', 'value')).rejects.toThrow(/^ERR/);
  const set = defineScript(redis, script);
  expect(await set(['key'], ['value'])).toEqual(['OK']);
  expect(await server.admin.get('key')).toBe('value');
});

it('it runs when Redis is full, and one that need not is refused', async (context) => {
  await needs('settings')(context);
  await connect();
  const set = defineScript(redis, script);
  const setIfRoom = defineScript(redis, { ...script, name: 'test:setIfRoom', whenFull: false });
  await server.admin.config('SET', 'maxmemory', '1');
  expect(await set(['key'], ['value'])).toEqual(['OK']);
  await expect(setIfRoom(['key'], ['other'])).rejects.toThrow(/^OOM/);
});

it('whether flags are known is asked again when the connection has come back', async (context) => {
  await needs('statistics')(context);
  await connect();
  const set = defineScript(redis, script);
  const calls = async () =>
    Number(/cmdstat_eval:calls=(\d+)/.exec(await server.admin.info('commandstats'))?.[1]);
  await set(['key'], ['a']);
  const before = await calls();
  await set(['key'], ['b']);
  expect(await calls()).toBe(before);
  const back = once(redis, 'ready');
  await server.killClients('others');
  await back;
  await set(['key'], ['c']);
  expect(await calls()).toBeGreaterThan(before);
});

it('every pipeline knows the scripts of its connection, also those defined later, and copies none', async () => {
  await connect();
  const early = defineScript(redis, { ...script, whenFull: false });
  const late = defineScript(redis, { ...script, name: 'test:later', whenFull: false });
  expect(await Promise.all([early(['a'], ['1']), late(['b'], ['2']), redis.get('b')])).toEqual([
    ['OK'],
    ['OK'],
    '2',
  ]);
  const pipeline = redis.pipeline([['get', 'a']]);
  expect(Object.keys(pipeline).filter((key) => key.startsWith('test:'))).toEqual([]);
  const methods = pipeline as unknown as Record<string, (...args: unknown[]) => unknown>;
  methods['test:later']?.('a', '3');
  methods['test:setBuffer']?.('c', '4');
  expect(await pipeline.get('a').exec()).toEqual([
    [null, '1'],
    [null, ['OK']],
    [null, [Buffer.from('OK')]],
    [null, '3'],
  ]);
});

it('scripts of an observed connection are told by name with how long each answer took, and refused ones are not', async () => {
  await connect();
  const told: [string, number][] = [];
  observeScripts(redis, (name) => (seconds) => told.push([name, seconds]));
  const set = defineScript(redis, script);
  const fail = defineScript(redis, {
    name: 'test:fail',
    numberOfKeys: 0,
    lua: "return redis.call('NOTHING')",
  });
  await set(['key'], ['value']);
  await expect(fail([], [])).rejects.toThrow();
  expect(told.map(([name]) => name)).toEqual(['test:set']);
  expect(told[0]?.[1]).toBeGreaterThan(0);
});
