import { createJobId } from '@cc-executor/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisControl, createRedisFeed, LogUnavailableError } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { listen, output, runningJob } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

const killSubscribers = () => twin.server.admin.client('KILL', 'TYPE', 'PUBSUB');

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
    expect(await twin.log.countListeners(jobId)).toBe(0);
  });
});

describe('a feed', () => {
  it('refuses a subscription when it is closed, and closes twice', async () => {
    const feed = createRedisFeed({ redis: twin.connect('subscriber'), keys: twin.keys });
    const pending = feed.subscribe(createJobId(), () => {});
    await (await pending)();
    await Promise.all([feed.close(), feed.close()]);
    await expect(feed.subscribe(createJobId(), () => {})).rejects.toThrow(LogUnavailableError);
  });
});

describe('the control channel', () => {
  it('brings the cancel or the pause of a running job, also after its connection was lost', async () => {
    const redis = twin.connect('subscriber');
    const control = createRedisControl({ redis, keys: twin.keys });
    const heard: string[] = [];
    let came = () => {};
    control.onWish((jobId) => {
      heard.push(jobId);
      came();
    });
    // Its subscription is acknowledged before that of a command sent after it.
    await redis.ping();
    const cancel = async () => {
      const { jobId } = await runningJob(twin.log);
      const told = new Promise<void>((resolve) => {
        came = resolve;
      });
      await twin.log.cancel(jobId, 'client');
      await told;
      return jobId;
    };
    const first = await cancel();
    const ready = new Promise((resolve) => redis.once('ready', resolve));
    await killSubscribers();
    await ready;
    await redis.ping();
    const second = await cancel();
    const third = await runningJob(twin.log);
    const told = new Promise<void>((resolve) => {
      came = resolve;
    });
    await twin.log.setPauseWish(third.jobId, true);
    await told;
    expect(heard).toEqual([first, second, third.jobId]);
    await Promise.all([control.close(), control.close()]);
  });
});
