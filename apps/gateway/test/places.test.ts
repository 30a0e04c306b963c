/** The places of several gateways in the same accounts: never more than there are, whoever takes them, and free again, whoever dies. */
import { setImmediate } from 'node:timers/promises';
import { createRedisPlaceLedger, type PlaceLedger } from '@cc-executor/job-log';
import { RedisUnavailableError } from '@cc-executor/redis';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createPlaces, NoPlaceError, type PlaceIn } from '../src/quotas/places.ts';
import { provideRig, type Rig } from './harness.ts';

const tenant: PlaceIn = { account: 'acme requests', limit: 4 };
const key: PlaceIn = { account: '/key_1 requests', limit: 3 };

let rig: Rig;
let ledger: PlaceLedger;
let redis: Awaited<ReturnType<Rig['gateway']>>['redis'];
provideRig((made) => {
  rig = made;
});
beforeEach(async () => {
  ({ redis } = await rig.gateway());
  ledger = createRedisPlaceLedger({ redis, keys: rig.keys });
});

function gateway({ leaseMs = 60_000 } = {}) {
  const seen = { id: '', steps: 0, isAway: false };
  const places = createPlaces({
    leaseMs,
    ledger: {
      async hold(...args) {
        if (seen.isAway) throw new RedisUnavailableError('away', new Error('cut off'));
        seen.id = args[0];
        seen.steps += 1;
        return ledger.hold(...args);
      },
    },
  });
  onTestFinished(places.close);
  return { ...places, seen };
}

const taken = async ({ account }: PlaceIn) => Number((await redis.hget(rig.keys.ledger, account)) ?? 0);
const none = () => expect.poll(() => Promise.all([tenant, key].map(taken))).toEqual([0, 0]);

test('are never more than the limits of all accounts, and all are free in the end', async () => {
  const gateways = [gateway(), gateway(), gateway()];
  const inUse = { tenant: 0, key: 0 };
  const most = { tenant: 0, key: 0 };
  let refused = 0;
  async function use(place: number): Promise<void> {
    const withKey = Math.random() < 0.5;
    try {
      const leave = await gateways[place % 3]!.take(withKey ? [tenant, key] : [tenant]);
      inUse.tenant += 1;
      if (withKey) inUse.key += 1;
      most.tenant = Math.max(most.tenant, inUse.tenant);
      most.key = Math.max(most.key, inUse.key);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      inUse.tenant -= 1;
      if (withKey) inUse.key -= 1;
      leave();
    } catch (error) {
      expect(error).toBeInstanceOf(NoPlaceError);
      refused += 1;
    }
  }
  const users = Array.from({ length: 12 }, async (_, place) => {
    for (let i = 0; i < 40; i += 1) await use(place);
  });
  await Promise.all(users);
  expect(most.tenant).toBe(tenant.limit);
  expect(most.key).toBeLessThanOrEqual(key.limit);
  expect(refused).toBeGreaterThan(0);
  await none();
});

test('are found by who has one place only, at whichever gateway', async () => {
  const gateways = [gateway(), gateway(), gateway()];
  // Of one none is kept for who comes next; of four half.
  for (const limit of [1, 4]) {
    for (let i = 0; i < 30; i += 1) {
      (await gateways[i % 3]!.take([{ account: `${limit}`, limit }]))();
      // An answer is longer on its way.
      await setImmediate();
    }
  }
});

test('are asked for once by those who come one after another, or at once', async () => {
  const { take, seen } = gateway();
  const many = { ...tenant, limit: 100 };
  for (let i = 0; i < 200; i += 1) (await take([many]))();
  for (const leave of await Promise.all(Array.from({ length: 40 }, () => take([many])))) leave();
  // One that went while others came is asked for anew.
  expect(seen.steps).toBeLessThan(20);
});

test('are taken from a gateway that is not heard of, and what it has in use counts when it is back', async () => {
  const [lost, other] = [gateway({ leaseMs: 300 }), gateway()];
  const leaves = [await lost.take([key]), await lost.take([key])];
  await expect(other.take([{ ...key, limit: 2 }])).rejects.toThrow(NoPlaceError);
  lost.seen.isAway = true;
  const found = async () => other.take([{ ...key, limit: 2 }]).then((leave) => leave(), String);
  await expect.poll(found).toBe(undefined);
  // It knows that what it had may be others' by now.
  await expect(lost.take([tenant])).rejects.toThrow(RedisUnavailableError);
  lost.seen.isAway = false;
  await expect.poll(() => taken(key)).toBe(2);
  const last = await other.take([key]);
  await expect(lost.take([key])).rejects.toThrow(NoPlaceError);
  for (const leave of [...leaves, last]) leave();
  await none();
});

test('are left at once by those whose place others took while their gateway stood still, the last first, and by nobody else', async () => {
  const [stalled, other] = [gateway({ leaseMs: 300 }), gateway()];
  const out: string[] = [];
  const leaves: (() => void)[] = [];
  for (const who of ['first', 'second', 'third']) {
    const leave = await stalled.take(who === 'first' ? [tenant, key] : [tenant], () => {
      out.push(who);
      leave();
    });
    leaves.push(leave);
  }
  stalled.seen.isAway = true;
  const others: (() => void)[] = [];
  await expect
    .poll(async () => {
      others.push(await other.take([tenant]));
      return others.length;
    })
    .toBe(3);
  expect(out).toEqual([]);
  stalled.seen.isAway = false;
  await expect.poll(() => out).toEqual(['third', 'second']);
  await expect.poll(() => taken(tenant)).toBe(tenant.limit);
  // Who is left here is as good as any.
  await expect(other.take([tenant])).rejects.toThrow(NoPlaceError);
  for (const leave of [...leaves, ...others]) leave();
  await none();
  expect(out).toHaveLength(2);
});

test('are kept by all when every gateway was cut off from Redis, and nobody took any meanwhile', async () => {
  const gateways = [gateway({ leaseMs: 300 }), gateway({ leaseMs: 300 })];
  const out: number[] = [];
  const leaves = await Promise.all(
    [0, 1, 0, 1].map((at, i) => gateways[at]!.take([tenant], () => out.push(i))),
  );
  for (const { seen } of gateways) seen.isAway = true;
  const areAlive = async () => {
    const until = await redis.zmscore(rig.keys.gateways, ...gateways.map(({ seen }) => seen.id));
    return until.map((at) => Number(at) > Date.now());
  };
  await expect.poll(areAlive).toEqual([false, false]);
  for (const { seen } of gateways) seen.isAway = false;
  await expect.poll(areAlive).toEqual([true, true]);
  await expect(gateways[0]!.take([tenant])).rejects.toThrow(NoPlaceError);
  expect(out).toEqual([]);
  for (const leave of leaves) leave();
  await none();
});

test('are known again to a Redis that has lost some of them', async () => {
  const [first, other] = [gateway(), gateway()];
  const leaves = [await first.take([tenant]), await first.take([tenant, key]), await other.take([tenant])];
  // As after a failover to a replica that was behind.
  const { id } = first.seen;
  await redis.hset(rig.keys.places(id), tenant.account, 1);
  await redis.hdel(rig.keys.places(id), key.account);
  await redis.hset(rig.keys.ledger, tenant.account, 2);
  await redis.hdel(rig.keys.ledger, key.account);
  first.retell();
  await expect.poll(() => Promise.all([tenant, key].map(taken))).toEqual([3, 1]);
  for (const leave of leaves) leave();
  await none();
});

test('are given back by a gateway that closes', async () => {
  const { take, close } = gateway();
  const leave = await take([tenant]);
  leave();
  expect(await taken(tenant)).toBe(1);
  await close();
  expect(await taken(tenant)).toBe(0);
});
