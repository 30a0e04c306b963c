/** What Redis and its driver throw, told apart. Real errors wherever they can be had. */
import { rm } from 'node:fs/promises';
import {
  commandContains,
  needs,
  startFaultProxy,
  startTestRedis,
  type TestRedis,
} from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  closeRedis,
  defineScript,
  isCurable,
  openRedis,
  type RedisConnection,
  RedisFaultError,
  type RedisRole,
  RedisUnavailableError,
  redisErrorOf,
  tellErrorsApart,
  untilConnected,
  wasCutShort,
} from '../src/index.ts';

let server: TestRedis;
let admin: RedisConnection;
const open: RedisConnection[] = [];

beforeEach(async () => {
  server = await startTestRedis();
  admin = server.admin;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(closeRedis));
  await server.close();
});

function connect(role: RedisRole, { user = '', commandTimeoutMs = 2_000 } = {}): RedisConnection {
  const onError = () => {
    // Refused logins and a server that is killed: what the commands reject with is looked at.
  };
  const url = server.url.replace('redis://', `redis://${user}`);
  const redis = openRedis(url, { name: 'test', role, onError, commandTimeoutMs });
  open.push(redis);
  return redis;
}

async function ready(redis: RedisConnection): Promise<RedisConnection> {
  // Not `once` of node:events, which rejects when Redis is slow to answer, and it connects anew.
  if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve));
  return redis;
}

/** What `work` rejects with, told apart. */
async function failureOf(work: Promise<unknown>): Promise<RedisUnavailableError | RedisFaultError> {
  try {
    await tellErrorsApart(work);
  } catch (error) {
    if (error instanceof RedisUnavailableError || error instanceof RedisFaultError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const failure = await failureOf(work);
  expect(isCurable(failure)).toBe(true);
  return failure instanceof RedisUnavailableError ? failure.reason : failure.message;
}

async function wordOf(work: Promise<unknown>): Promise<string | undefined> {
  const failure = await failureOf(work);
  expect(isCurable(failure)).toBe(false);
  return failure instanceof RedisFaultError ? failure.word : failure.message;
}

describe('what waiting does not cure', () => {
  it('is a key of another type, also in a script', async () => {
    await admin.set('text', 'x');
    expect(await wordOf(admin.hget('text', 'field'))).toBe('WRONGTYPE');
    const script = "return redis.call('HGET', KEYS[1], 'field')";
    expect(await wordOf(admin.eval(script, 1, 'text'))).toBe('WRONGTYPE');
  });

  it('is a mistake in a script or in a command', async () => {
    expect(await wordOf(admin.eval('return nothing.at.all', 0))).toBe('ERR');
    expect(await wordOf(admin.eval('this is no Lua', 0))).toBe('ERR');
    expect(await wordOf(admin.call('GET'))).toBe('ERR');
  });

  it('is a user who may not, or is not known', async (context) => {
    await needs('users')(context);
    await admin.acl('SETUSER', 'reader', 'on', '>pw', '~*', '+@read', '+@connection', '+info');
    const redis = await ready(connect('impatient', { user: 'reader:pw@' }));
    expect(await wordOf(redis.set('key', 'x'))).toBe('NOPERM');
    expect(await wordOf(connect('patient', { user: 'reader:wrong@' }).get('key'))).toBe('WRONGPASS');
    await admin.config('SET', 'requirepass', 'pw');
    expect(await wordOf(connect('patient').get('key'))).toBe('NOAUTH');
  });

  it('is a mistake of ours behind the answer', async () => {
    const parsed = admin.ping().then((pong) => JSON.parse(pong));
    expect(await wordOf(parsed)).toBeUndefined();
  });
});

describe('what waiting cures', () => {
  it('is a Redis that is not there, or does not answer', async () => {
    const redis = await ready(connect('impatient', { commandTimeoutMs: 100 }));
    process.kill(server.pid ?? 0, 'SIGSTOP');
    expect(await reasonOf(redis.get('key'))).toBe('away');
    await server.kill();
    expect(await reasonOf(redis.get('key'))).toBe('away');
    await closeRedis(redis);
    expect(await reasonOf(redis.get('key'))).toBe('away');
  });

  it('is one that runs a script which does not end', async (context) => {
    await needs('settings')(context);
    await admin.config('SET', 'busy-reply-threshold', 1);
    const [endless, redis] = [await ready(connect('patient')), await ready(connect('patient'))];
    const ended = failureOf(endless.eval('while true do end', 0));
    let refused: Promise<unknown> | undefined;
    while (!refused) {
      const get = redis.get('key');
      await get.catch(() => {
        refused = get;
      });
    }
    expect(await reasonOf(refused)).toBe('away');
    await admin.script('KILL');
    await ended;
  });

  it('is a master without its replicas, and a replica without its master', async (context) => {
    await needs('settings', 'replication')(context);
    await admin.config('SET', 'min-replicas-to-write', 1);
    expect(await reasonOf(admin.set('key', 'x'))).toBe('no_replicas');
    await admin.config('SET', 'replica-serve-stale-data', 'no');
    // Nothing listens there.
    await admin.replicaof('127.0.0.1', 1);
    expect(await reasonOf(admin.get('key'))).toBe('away');
  });
});

it('a server that refused a script while it took no writes knows it no better afterwards, which is no fault', async (context) => {
  await needs('settings', 'replication')(context);
  const redis = await ready(connect('patient'));
  const set = defineScript(redis, {
    name: 'set',
    numberOfKeys: 1,
    lua: "return { redis.call('SET', KEYS[1], ARGV[1])['ok'] }",
    whenFull: true,
  });
  await admin.config('SET', 'min-replicas-to-write', 1);
  const refused = await Promise.all(
    Array.from({ length: 50 }, () => tellErrorsApart(set(['key'], ['x'])).catch((error) => error)),
  );
  const others = refused.filter((error) => !(error instanceof RedisUnavailableError));
  expect(others).toEqual([]);
  await admin.config('SET', 'min-replicas-to-write', 0);
  expect(await set(['key'], ['x'])).toEqual(['OK']);
});

it('a batch that is cut short while it is answered may be sent again as soon as the connection is back', async () => {
  const proxy = await startFaultProxy({ target: { port: server.port }, protocol: 'redis' });
  const redis = openRedis(proxy.url(), {
    name: 'test',
    role: 'impatient',
    onError: () => {},
    commandTimeoutMs: 500,
  });
  try {
    await ready(redis);
    await proxy.set({ dropReply: { matches: commandContains('get', 'second') } });
    const [first, second] = await Promise.allSettled([redis.get('first'), redis.get('second')]);
    expect(first.status).toBe('fulfilled');
    expect(wasCutShort(redisErrorOf((second as PromiseRejectedResult).reason))).toBe(true);
    await untilConnected([redis]);
    expect(await redis.get('second')).toBe(null);
    await server.kill();
    expect(wasCutShort(redisErrorOf(await failureOf(redis.get('first'))))).toBe(false);
  } finally {
    await closeRedis(redis);
    await proxy.close();
  }
});

describe('what an operator cures', () => {
  beforeEach(needs('settings'));

  it('is a Redis without memory', async () => {
    await admin.config('SET', 'maxmemory', 1);
    expect(await reasonOf(admin.set('key', 'x'))).toBe('memory_full');
    const script = "return redis.call('SET', KEYS[1], 'x')";
    expect(await reasonOf(admin.eval(script, 1, 'key'))).toBe('memory_full');
  });

  it('is one that cannot write to its disk', async () => {
    const [, directory = ''] = (await admin.config('GET', 'dir')) as string[];
    await admin.config('SET', 'save', '3600 1000000');
    await rm(directory, { recursive: true });
    await admin.bgsave();
    while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err'));
    expect(await reasonOf(admin.set('key', 'x'))).toBe('disk_full');
  });
});

it.each([
  'READONLY',
  'LOADING',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'NOSCRIPT',
  'ERR max number of clients reached',
])('a server that answers %s is about to change, or another one is asked', (word) => {
  const reply = Object.assign(new Error(`${word} and some words`), { name: 'ReplyError' });
  expect(redisErrorOf(reply)).toMatchObject({ code: 'redis_unavailable', reason: 'away', cause: reply });
});

it('what is told apart stays as it is', async () => {
  const first = redisErrorOf(new Error('Connection is closed.'));
  expect(redisErrorOf(first)).toBe(first);
});
