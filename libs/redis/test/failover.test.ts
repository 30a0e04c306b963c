import { needs, startTestSentinels, type TestRedis, type TestSentinels } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeRedis, openRedis, type RedisConnection, type RedisRole } from '../src/index.ts';

const SOON_MS = 3_000;

let sentinels: TestSentinels;
const open: RedisConnection[] = [];

beforeEach(async (context) => {
  await needs('replication')(context);
  sentinels = await startTestSentinels({ password: 'to&them' });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(closeRedis));
  await sentinels?.close();
});

function connect(role: RedisRole): RedisConnection {
  const redis = openRedis(sentinels.url, {
    name: `test-${role}`,
    role,
    onError: () => {
      // The master goes: what becomes of that is what the tests look at.
    },
  });
  open.push(redis);
  return redis;
}

describe('connections to a master that sentinels replace', () => {
  it.each<[string, (master: TestRedis) => unknown]>([
    ['killed', (master) => master.kill()],
    ['frozen', ({ pid }) => pid && process.kill(pid, 'SIGSTOP')],
  ])(
    'because it was %s are with the new one soon, whatever their role',
    async (_how, harm) => {
      const [writer, gateway, subscriber] = (['patient', 'impatient', 'subscriber'] as const).map(
        connect,
      ) as [RedisConnection, RedisConnection, RedisConnection];
      // As BullMQ makes one, to wait on.
      const copy = (writer as typeof writer & { duplicate(): RedisConnection }).duplicate();
      copy.on('error', () => {
        // As above.
      });
      open.push(copy);
      const heard: string[] = [];
      subscriber.on('message', (_channel: string, text: string) => heard.push(text));
      await subscriber.subscribe('news');
      expect(await Promise.all([writer.set('a', '1'), copy.set('b', '1')])).toEqual(['OK', 'OK']);

      const old = await sentinels.master();
      await harm(old);
      const early = write(writer, 'a');
      const replaced = await sentinels.untilReplaced(old);
      const since = performance.now();
      expect(await Promise.all([early, write(copy, 'b')])).toEqual(['OK', 'OK']);
      while ((await gateway.get('a').catch(() => undefined)) !== '2') await pause();
      while (heard.length === 0) {
        await replaced.admin.publish('news', 'replaced');
        await pause();
      }
      expect(performance.now() - since).toBeLessThan(SOON_MS);
    },
    60_000,
  );
});

/** Again as long as the new master has no replica of its own yet, which it says. */
async function write(redis: RedisConnection, key: string): Promise<string | null> {
  for (;;) {
    try {
      return await redis.set(key, '2');
    } catch (error) {
      if (!(error as Error).message.startsWith('NOREPLICAS')) throw error;
      await pause();
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
