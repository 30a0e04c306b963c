/** Turns, in their scripts: a worker is played here, and takes entries as BullMQ does. */
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openQueue } from '../src/index.ts';
import { createTurns, type Share, type Turns } from '../src/turns.ts';

const LIFE_MS = 60_000;
const onError = () => {
  // A connection that is lost shows in what the tests look at.
};

let server: TestRedis;
let redis: RedisConnection;
let bull: string;
let turns: Turns;

beforeAll(async () => {
  server = await startTestRedis();
  redis = openRedis(server.url, { name: 'test', role: 'patient', onError });
});
afterAll(async () => {
  await closeRedis(redis);
  await server.close();
});
beforeEach(renew);

/** Turns that nobody has had anything to do with. */
function renew(): string {
  const keyPrefix = uniquePrefix();
  bull = `{${keyPrefix}:queue}:jobs:`;
  turns = createTurns(redis, keyPrefix);
  return keyPrefix;
}

const report = (slots: number | undefined, more: { worker?: string; lifeMs?: number } = {}) =>
  turns.report({ worker: 'one', slots, lifeMs: LIFE_MS, ...more });

/** `acme/1`, `acme/2` … */
async function enter(
  tenant: string,
  jobs: number,
  { priority = 0, share }: { priority?: number; share?: Share } = {},
) {
  const ids = Array.from(
    { length: jobs },
    (_, i) => `${tenant}/${priority === 0 ? '' : `${priority}/`}${i + 1}`,
  );
  await Promise.all(ids.map((jobId) => turns.enter({ jobId, tenant, priority, ...(share && { share }) })));
  return ids;
}

/** What waits in BullMQ's queue, the next first. */
const handedOut = async () => (await redis.lrange(`${bull}wait`, 0, -1)).reverse();

/** Takes an entry; it ends at once, and its slot is free. */
async function playTurn(slots = 1): Promise<string | undefined> {
  const jobId = await redis.rpop(`${bull}wait`);
  if (jobId === null) return undefined;
  await redis.hset(bull + jobId, 'finishedOn', 1);
  await report(slots);
  await turns.recount();
  return jobId;
}

/** The tenants of the next turns. */
async function playTurns(count: number, slots = 1): Promise<string[]> {
  const tenants: string[] = [];
  for (let turn = 0; turn < count; turn += 1)
    tenants.push((await playTurn(slots))?.split('/')[0] ?? 'nobody');
  return tenants;
}

const countOf = (tenants: readonly string[], tenant: string) =>
  tenants.filter((one) => one === tenant).length;

describe('what is handed out', () => {
  it('is as much as workers have slots for, and the next when one is free', async () => {
    const ids = await enter('acme', 5);
    expect(await handedOut()).toEqual([]);
    await report(2);
    expect(await handedOut()).toEqual(ids.slice(0, 2));
    await report(1, { worker: 'two' });
    expect(await handedOut()).toEqual(ids.slice(0, 3));
    await playTurn(2);
    expect(await handedOut()).toEqual(ids.slice(1, 4));
    expect(await turns.ahead('acme', ids[4] ?? '')).toBe(0);
  });

  it('goes by priority, then by when it came', async () => {
    await enter('acme', 2, { priority: 1_000 });
    await enter('acme', 2, { priority: 7 });
    await enter('acme', 2);
    expect(await turns.ahead('acme', 'acme/1000/2')).toBe(5);
    await report(6);
    const ids = ['acme/1', 'acme/2', 'acme/7/1', 'acme/7/2', 'acme/1000/1', 'acme/1000/2'];
    expect(await handedOut()).toEqual(ids);
  });

  it('is an entry as BullMQ makes it, which wakes a worker unless the queue is paused', async () => {
    const keyPrefix = renew();
    const queue = openQueue({ redis, keyPrefix, onError });
    await queue.add('execute', {}, { jobId: 'theirs', priority: 7 });
    await redis.del(`${bull}marker`, `${bull}prioritized`);
    await report(2);
    await turns.enter({ jobId: 'ours', tenant: 'acme', priority: 7 });
    const [theirs, ours] = await Promise.all(['theirs', 'ours'].map((id) => redis.hgetall(bull + id)));
    const told = JSON.parse((ours?.opts ?? '').replace('ours', 'theirs'));
    expect({ ...ours, opts: told, timestamp: '' }).toEqual({
      ...theirs,
      opts: JSON.parse(theirs?.opts ?? ''),
      timestamp: '',
    });
    expect(await redis.zrange(`${bull}marker`, '0', '-1', 'WITHSCORES')).toEqual(['0', '0']);
    await queue.pause();
    await turns.enter({ jobId: 'later', tenant: 'acme', priority: 0 });
    expect(await redis.exists(`${bull}marker`)).toBe(0);
    await queue.close();
  });

  it('comes behind what older gateways have put into the queue', async () => {
    await redis.lpush(`${bull}wait`, 'old/1', 'old/2');
    await report(2);
    await enter('acme', 3);
    expect(await playTurns(2, 2)).toEqual(['old', 'old']);
    expect(await handedOut()).toEqual(['acme/1', 'acme/2']);
  });
});

describe('tenants', () => {
  it('take turns: who comes late goes next, however many wait', async () => {
    await report(1);
    await enter('big', 300);
    await playTurns(20);
    await enter('small', 10);
    const tenants = await playTurns(25);
    // One of the other was handed out before.
    expect(tenants.slice(0, 21)).toEqual([
      'big',
      ...Array.from({ length: 10 }, () => ['small', 'big']).flat(),
    ]);
    expect(tenants.slice(21)).toEqual(['big', 'big', 'big', 'big']);
  });

  it('save nothing while they are away', async () => {
    await report(1);
    await enter('here', 200);
    await enter('away', 1);
    await playTurns(100);
    await enter('away', 50);
    const tenants = await playTurns(40);
    expect(countOf(tenants, 'away')).toBeGreaterThanOrEqual(19);
    expect(countOf(tenants, 'away')).toBeLessThanOrEqual(20);
  });

  it('gain nothing by leaving and coming back', async () => {
    await report(1);
    await enter('patient', 100);
    const tenants: string[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      await turns.enter({ jobId: `often/${turn}`, tenant: 'often', priority: 0 });
      tenants.push(...(await playTurns(1)));
    }
    expect(countOf(tenants, 'patient')).toBeGreaterThanOrEqual(29);
  });

  it('have shares by weight', async () => {
    await report(1);
    await enter('one', 80, { share: { weight: 1 } });
    await enter('three', 180, { share: { weight: 3 } });
    const tenants = await playTurns(200);
    expect(Math.abs(countOf(tenants, 'three') - 150)).toBeLessThanOrEqual(2);
  });

  it('never wait for more than the turns that the weights of the others give those', async () => {
    const weights = fc.array(fc.constantFrom(0.5, 1, 2, 5), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(weights, fc.integer({ min: 1, max: 4 }), async (ofTenants, slots) => {
        renew();
        await report(slots);
        for (const [i, weight] of ofTenants.entries()) await enter(`t${i}`, 40, { share: { weight } });
        const tenants = (await playTurns(36, slots)).slice(slots);
        for (const [i, weight] of ofTenants.entries()) {
          const others = ofTenants.filter((_, j) => j !== i);
          const bound = others.reduce((sum, other) => sum + Math.ceil(other / weight) + 1, 0) + slots;
          const gaps = tenants.join(' ').split(`t${i}`);
          for (const gap of gaps) expect(gap.trim().split(' ').length).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('have no more with workers than they may, and others go on meanwhile', async () => {
    const ids = await enter('two', 4, { share: { running: 2 } });
    await report(4);
    expect(await handedOut()).toEqual(ids.slice(0, 2));
    expect(await turns.running('two')).toBe(2);
    await enter('free', 3);
    expect(await handedOut()).toEqual([...ids.slice(0, 2), 'free/1', 'free/2']);
    await playTurn(4);
    expect(await handedOut()).toEqual([ids[1], 'free/1', 'free/2', ids[2]]);
    expect(await turns.running('two')).toBe(2);
  });

  it('may have more from the next job on that says so', async () => {
    await enter('acme', 4, { share: { running: 1 } });
    await report(4);
    expect(await handedOut()).toEqual(['acme/1']);
    await turns.enter({ jobId: 'acme/5', tenant: 'acme', priority: 0 });
    expect(await handedOut()).toHaveLength(1);
    await turns.enter({ jobId: 'acme/6', tenant: 'acme', priority: 0, share: {} });
    expect(await handedOut()).toHaveLength(4);
  });
});

describe('a job', () => {
  const need = { jobId: 'acme/1', tenant: 'acme', priority: 0 };

  it('is in line or handed out once, however often it is entered, and its turn ends once', async () => {
    expect([await turns.enter(need), await turns.enter(need)]).toEqual(['made', 'waits']);
    await report(1);
    expect([await turns.enter(need), await handedOut()]).toEqual(['waits', ['acme/1']]);
    await redis.hset(`${bull}acme/1`, 'processedOn', 1);
    expect(await turns.enter(need)).toBe('taken');
    await playTurn();
    await turns.recount();
    expect(await turns.running('acme')).toBe(0);
    expect(await turns.depth()).toEqual({ waiting: 0, early: 0, oldestAt: undefined });
  });

  it('that is queued again gets a new entry in place of the one that has ended', async () => {
    await report(1);
    await turns.enter(need);
    await redis.zadd(`${bull}completed`, 1, 'acme/1');
    await playTurn();
    expect(await turns.enter(need)).toBe('made');
    expect(await handedOut()).toEqual(['acme/1']);
    expect(await redis.hget(`${bull}acme/1`, 'finishedOn')).toBeNull();
    expect(await redis.zcard(`${bull}completed`)).toBe(0);
  });

  it('whose entry is lost is handed out anew, and counts once', async () => {
    await report(2);
    await turns.enter(need);
    await redis.del(`${bull}acme/1`, `${bull}wait`);
    expect(await turns.enter(need)).toBe('made');
    expect([await handedOut(), await turns.running('acme')]).toEqual([['acme/1'], 1]);
  });

  it('that lost its worker goes before all of its priority, and not before others', async () => {
    await enter('acme', 2);
    await enter('acme', 1, { priority: 7 });
    await turns.enter({ jobId: 'urgent', tenant: 'acme', priority: 0, keepsTurn: true });
    await turns.enter({ jobId: 'again', tenant: 'acme', priority: 7, keepsTurn: true });
    await report(5);
    expect(await handedOut()).toEqual(['urgent', 'acme/1', 'acme/2', 'again', 'acme/7/1']);
  });

  it('that leaves its line lets those behind it move up', async () => {
    const [first = '', second = '', third = ''] = await enter('acme', 3);
    await turns.leave('acme', second);
    expect(await turns.ahead('acme', third)).toBe(1);
    await turns.leave('acme', first);
    await turns.leave('acme', first);
    await report(5);
    expect(await handedOut()).toEqual([third]);
    // That of one which is handed out is its worker's.
    await turns.leave('acme', third);
    expect(await handedOut()).toEqual([third]);
  });
});

describe('after a crash', () => {
  it('the turns of entries that have ended or are gone are over, and others get them', async () => {
    await enter('acme', 4, { share: { running: 2 } });
    await report(2);
    await redis.hset(`${bull}acme/1`, 'finishedOn', 1);
    await redis.del(`${bull}acme/2`);
    await redis.del(`${bull}wait`);
    await turns.recount();
    expect([await handedOut(), await turns.running('acme')]).toEqual([['acme/3', 'acme/4'], 2]);
  });

  it('the slots of a worker of which nothing is heard count no more', async () => {
    await report(5, { worker: 'dead', lifeMs: 0 });
    await report(1);
    await enter('acme', 3);
    expect(await handedOut()).toEqual(['acme/1']);
  });

  it('a line that was taken out by hand holds up nobody, and its jobs come into line again', async () => {
    const [first = ''] = await enter('lost', 2);
    await enter('other', 1);
    const own = bull.replace('jobs:', '');
    await turns.enter({ jobId: 'lost/3', tenant: 'lost', priority: 0, notBefore: Date.now() + 50 });
    await redis.del(`${own}line:lost`, `${own}early:jobs`);
    await report(4);
    expect(await handedOut()).toEqual(['other/1']);
    expect(await turns.enter({ jobId: first, tenant: 'lost', priority: 0 })).toBe('made');
    expect(await handedOut()).toEqual(['other/1', first]);
    await expect.poll(() => turns.recount().then(turns.depth)).toMatchObject({ early: 0 });
  });

  it('of all workers one job waits for whoever comes, also for one that says nothing of its slots', async () => {
    await enter('acme', 3);
    await turns.recount();
    await turns.recount();
    expect(await handedOut()).toEqual(['acme/1']);
    await redis.del(`${bull}wait`);
    await redis.hset(`${bull}acme/1`, 'finishedOn', 1);
    await turns.recount();
    expect(await handedOut()).toEqual(['acme/2']);
  });

  it('nothing is left of tenants that have nothing more to be done', async () => {
    await enter('acme', 2, { share: { weight: 2, running: 1 } });
    await enter('other', 3);
    await report(2);
    for (let turn = 0; turn < 5; turn += 1) await playTurn(2);
    await enter('acme', 1, { share: {} });
    await playTurn(2);
    await report(undefined);
    const own = bull.replace('jobs:', '');
    const keys = (await redis.keys(`${own}*`)).filter((key) => !key.startsWith(bull));
    expect(keys.sort()).toEqual([`${own}absent`, `${own}turns`]);
    expect(Object.keys(await redis.hgetall(`${own}turns`)).sort()).toEqual(['clock', 'sequence']);
  });
});
