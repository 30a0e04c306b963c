import { createJobId } from '@cc-executor/protocol';
import { RedisFaultError, RedisUnavailableError } from '@cc-executor/redis';
import { needs } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisFeed } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { listen, output, runningJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

const killSubscribers = () => twin.server.killClients('subscribers');

describe('a feed whose connection was lost', () => {
  it('says that it is back when it hears again, each time', async () => {
    const { jobId } = await runningJob(twin.log);
    const listener = await listen(twin.feed, jobId);
    for (const firstSeq of [2, 3]) {
      const restored = Promise.withResolvers<void>();
      const forget = twin.feed.onRestored(restored.resolve);
      await killSubscribers();
      await restored.promise;
      forget();
      // Restored means: what is appended from now on is heard.
      await twin.log.append({ jobId, fence: 1, firstSeq, bodies: [output('x')], hasOutput: true });
      await listener.until((publications) => publications.at(-1)?.lastSeq === firstSeq);
    }
    listener.unsubscribe();
  });

  it('says so too when it was made on a connection that was ready already', async () => {
    const redis = twin.connect('subscriber');
    await new Promise((resolve) => redis.once('ready', resolve));
    const feed = createRedisFeed({ redis, keys: twin.keys });
    const unsubscribe = await feed.subscribe(createJobId(), () => {});
    const restored = new Promise<void>((resolve) => feed.onRestored(resolve));
    await killSubscribers();
    await restored;
    unsubscribe();
    await feed.close();
  });

  it('does not subscribe again to what was left meanwhile', async () => {
    const { jobId } = await runningJob(twin.log);
    const listener = await listen(twin.feed, jobId);
    const restored = new Promise<void>((resolve) => twin.feed.onRestored(resolve));
    await killSubscribers();
    listener.unsubscribe();
    await restored;
    await (await twin.feed.subscribe(createJobId(), () => {}))();
    expect(await twin.countListeners(jobId)).toBe(0);
  });
});

describe('a feed', () => {
  it('asks in one command for what is listened to, and left, in one turn', async (context) => {
    await needs('statistics')(context);
    const calls = async (name: string) => {
      const stats = await twin.server.admin.info('commandstats');
      return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    };
    const before = [await calls('subscribe'), await calls('unsubscribe')];
    const subscribe = () => twin.feed.subscribe(createJobId(), () => {});
    const unsubscribes = await Promise.all([subscribe(), subscribe(), subscribe()]);
    for (const unsubscribe of unsubscribes) unsubscribe();
    const leave = await subscribe();
    expect([await calls('subscribe'), await calls('unsubscribe')]).toEqual([before[0]! + 2, before[1]! + 1]);
    leave();
  });

  it('refuses a subscription when it is closed, and closes twice', async () => {
    const feed = createRedisFeed({ redis: twin.connect('subscriber'), keys: twin.keys });
    const pending = feed.subscribe(createJobId(), () => {});
    await (await pending)();
    await Promise.all([feed.close(), feed.close()]);
    await expect(feed.subscribe(createJobId(), () => {})).rejects.toThrow(RedisUnavailableError);
  });

  it('says what Redis does not allow; what it allows again is heard again, by all who listened', async (context) => {
    await needs('users')(context);
    const { admin } = twin.server;
    const allow = (...channels: string[]) =>
      admin.acl('SETUSER', 'gateway', 'on', '>pw', '+@all', ...channels);
    const ours = `&${twin.keyPrefix}:*`;
    await allow('resetchannels', ours);
    const redis = twin.connect('subscriber', 'gateway:pw@');
    const feed = createRedisFeed({ redis, keys: twin.keys });
    const { jobId } = await runningJob(twin.log);
    const listener = await listen(feed, jobId);
    expect(await feed.check()).toEqual({ ok: true, detail: 'ready' });

    // Redis ends the connections of those who listen to what they may not.
    const back = new Promise((resolve) => redis.once('ready', resolve));
    await allow('resetchannels');
    await back;
    await expect(feed.subscribe(createJobId(), () => {})).rejects.toThrow(RedisFaultError);
    expect(await feed.check()).toMatchObject({ ok: false, detail: expect.stringContaining('NOPERM') });

    await allow(ours);
    let restored = 0;
    feed.onRestored(() => {
      restored += 1;
    });
    expect(await feed.check()).toEqual({ ok: true, detail: 'ready' });
    expect(restored).toBe(1);
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true });
    await listener.until((publications) => publications.at(-1)?.lastSeq === 2);
    expect(await feed.check()).toEqual({ ok: true, detail: 'ready' });
    expect(restored).toBe(1);
    listener.unsubscribe();
    await redis.ping();
    expect((await twin.server.channels()).filter((name) => name.includes('readiness'))).toEqual([]);
    await feed.close();
  });
});
