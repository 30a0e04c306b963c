/** A worker whom Redis does not let subscribe: it says so, and hears again once it is let. */
import { once } from 'node:events';
import { checkSubscription, openRedis, type RedisConnection } from '@cc-executor/redis';
import { needs } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { controlChannel, hearWishes, workerChannels } from '../src/index.ts';
import { type Bench, openBench } from './bench.ts';

let bench: Bench;
let subscriber: RedisConnection;
let channels: string[];

beforeEach(needs('users'));
beforeEach(async () => {
  bench = await openBench();
  channels = workerChannels(bench.keyPrefix);
  await setChannels('resetchannels');
  subscriber = await bench.connect('subscriber', 'worker:pw@');
});
afterEach(() => bench?.close());

async function setChannels(...rules: string[]): Promise<void> {
  await bench.server.admin.acl('SETUSER', 'worker', 'on', '>pw', '+@all', ...rules);
}

/** Resolves with the job of the next wish that is heard. */
function hear(): { next: Promise<string>; refusals: unknown[] } {
  const next = Promise.withResolvers<string>();
  const refusals: unknown[] = [];
  const onRefused = (error: unknown) => refusals.push(error);
  hearWishes({ subscriber, keyPrefix: bench.keyPrefix, onWish: next.resolve, onRefused });
  return { next: next.promise, refusals };
}

/** A wish, which is heard if anything is. */
async function publish(next: Promise<string>): Promise<string> {
  await bench.server.admin.publish(controlChannel(bench.keyPrefix), 'cancel job-1');
  return next;
}

it('at once: the refusal is told, readiness shows it, and a permission heals it', async () => {
  const { next, refusals } = hear();
  const refused = await checkSubscription(subscriber, channels);
  expect(refused).toEqual({ ok: false, detail: expect.stringContaining('NOPERM') });
  expect(refusals).toEqual([expect.objectContaining({ code: 'redis_fault', word: 'NOPERM' })]);
  await setChannels(`&${bench.keyPrefix}:*`);
  expect(await checkSubscription(subscriber, channels)).toEqual({ ok: true, detail: 'ready' });
  expect(await publish(next)).toBe('job-1');
});

it('later: a subscriber that lost its permission lives on', async () => {
  await setChannels(`&${bench.keyPrefix}:*`);
  const { next } = hear();
  expect(await checkSubscription(subscriber, channels)).toEqual({ ok: true, detail: 'ready' });
  // Redis ends the connections of those who listen to what they may not.
  const back = once(subscriber, 'ready');
  await setChannels('resetchannels');
  await back;
  expect(await checkSubscription(subscriber, channels)).toMatchObject({ ok: false });
  await setChannels(`&${bench.keyPrefix}:*`);
  expect(await checkSubscription(subscriber, channels)).toEqual({ ok: true, detail: 'ready' });
  expect(await publish(next)).toBe('job-1');
});

it('nor is one ready that has no connection', async () => {
  const away = openRedis('redis://127.0.0.1:1', { name: 'test', role: 'subscriber', onError: () => {} });
  expect(await checkSubscription(away, channels)).toMatchObject({ ok: false });
  away.disconnect();
});
