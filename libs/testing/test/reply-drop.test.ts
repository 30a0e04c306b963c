import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  commandContains,
  type FaultProxy,
  startFaultProxy,
  startTestRedis,
  type TestRedis,
  uniquePrefix,
} from '../src/index.ts';

describe('a reply of Redis that is dropped', () => {
  let server: TestRedis;
  let proxy: FaultProxy;
  let redis: RedisConnection;
  let key: string;

  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    key = uniquePrefix();
    proxy = await startFaultProxy({ target: { port: server.port }, protocol: 'redis' });
    redis = openRedis(proxy.url(), { name: 'test', role: 'patient', onError: () => {} });
    await redis.ping();
  });
  afterEach(async () => {
    await closeRedis(redis);
    await proxy.close();
  });

  it('was executed once, and ioredis sends the command again', async () => {
    await proxy.set({ dropReply: { matches: commandContains('incr', key) } });
    expect(await redis.incr(key)).toBe(2);
    expect(proxy.counters()).toMatchObject({ droppedReplies: 1, cuts: 1 });
    expect(await server.admin.get(key)).toBe('2');
  });

  it('is the chosen one among commands sent together: the replies before it arrive', async () => {
    await proxy.set({ dropReply: { matches: commandContains('rpush', key), nth: 3 } });
    const replies = await Promise.allSettled(['a', 'b', 'c', 'd'].map((value) => redis.rpush(key, value)));
    expect(replies.slice(0, 2)).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'fulfilled', value: 2 },
    ]);
    await proxy.untilCut();
    const listed = await server.admin.lrange(key, 0, -1);
    expect(listed.slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(proxy.counters().droppedReplies).toBe(1);
  });

  it('is not the error that says that nothing was executed', async () => {
    await proxy.set({ dropReply: { matches: commandContains(key) } });
    await server.admin.set(key, 'no number');
    await expect(redis.incr(key)).rejects.toThrow(/not an integer/);
    expect(proxy.counters().droppedReplies).toBe(0);
    await server.admin.set(key, '5');
    expect(await redis.incr(key)).toBe(7);
    expect(proxy.counters().droppedReplies).toBe(1);
  });

  it('is lost as often as asked for', async () => {
    await proxy.set({ dropReply: { matches: commandContains('incr', key), times: 3 } });
    expect(await redis.incr(key)).toBe(4);
    expect(proxy.counters()).toMatchObject({ droppedReplies: 3, cuts: 3 });
  });

  it('is told apart on a connection that also carries large values and nested replies', async () => {
    const large = 'x'.repeat(300_000);
    await redis.set(key, large);
    await proxy.set({ dropReply: { matches: commandContains('append', key) } });
    const script = "return {redis.call('GET', KEYS[1]), {1, 2, {'deep'}}, false, ''}";
    const [text, nested] = (await redis.eval(script, 1, key)) as [string, unknown];
    expect([text.length, nested]).toEqual([300_000, [1, 2, ['deep']]]);
    expect(await redis.append(key, 'yz')).toBe(300_004);
  });

  it('does not disturb a subscriber', async () => {
    const subscriber = openRedis(proxy.url(), { name: 'test-sub', role: 'subscriber', onError: () => {} });
    const heard = new Promise((resolve) => subscriber.on('message', (_, message) => resolve(message)));
    await subscriber.subscribe(key);
    await proxy.set({ dropReply: { matches: commandContains('unsubscribe', key) } });
    await server.admin.publish(key, 'hello');
    expect(await heard).toBe('hello');
    expect(proxy.counters().cuts).toBe(0);
    await closeRedis(subscriber);
  });

  it('is refused where commands are not told apart', async () => {
    const plain = await startFaultProxy({ target: { port: server.port } });
    await expect(plain.set({ dropReply: { matches: () => true } })).rejects.toThrow("protocol: 'redis'");
    await plain.close();
  });
});
