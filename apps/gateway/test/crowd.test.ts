/** What the requests of a tenant and a key cost in a minute, at all gateways together, and the places that they take meanwhile. */
import type { Limits } from '@cc-executor/identity';
import { anybody } from '@cc-executor/identity';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Holder } from '../src/quotas/holders.ts';
import { openCrowd } from './fixtures/crowd.ts';
import { provideRig, type Rig, type TestGateway } from './harness.ts';

let rig: Rig;
let redis: TestGateway['redis'];
let passed: number;
provideRig((made) => {
  rig = made;
});
beforeEach(async () => {
  passed = 0;
  ({ redis } = await rig.gateway());
});

/** A gateway that has only this tenant, and perhaps a key of it. */
function gateway(limits: Limits, keyLimits?: Limits) {
  const holder = { of: 'tenant', account: 'acme', limits } as const;
  const key = keyLimits && ({ of: 'key', account: '/key_1', limits: keyLimits } as const);
  const holders: Holder[] = [holder, ...(key ? [key] : [])];
  const seen = { asked: 0 };
  const { crowd, places } = openCrowd({
    ...{ redis, keys: rig.keys, holdersOf: () => holders, now: () => performance.now() + passed },
    wrapCosts: (ledger) => ({
      pay(...asked) {
        seen.asked += 1;
        return ledger.pay(...asked);
      },
    }),
  });
  onTestFinished(places.close);
  return {
    seen,
    /** Whether a request was let in. */
    asks: (cost: number) =>
      crowd.ask(anybody, cost).then(
        () => true,
        () => false,
      ),
    ask: (cost: number) => crowd.ask(anybody, cost),
    cost: () => crowd.cost(holder),
  };
}

/** Lets so much time pass for gateways and Redis. */
async function pass(ms: number): Promise<void> {
  passed += ms;
  const name = rig.keys.cost('acme');
  const [taken, at] = ((await redis.get(name)) ?? '').split(' ');
  if (taken !== undefined) await redis.set(name, `${taken} ${Number(at) - ms}`, 'KEEPTTL');
}

const soon = (ms: number) => expect.toSatisfy((told: number) => told > ms - 900 && told <= ms);

describe('what requests cost', () => {
  test('is paid by each, refused beyond the limit with when to ask again, and there is more as time passes', async () => {
    const { ask, cost } = gateway({ costPerMinute: 60 });
    for (let i = 0; i < 3; i += 1) await ask(20);
    await expect(ask(1)).rejects.toMatchObject({ code: 'quota_exceeded', retryAfterMs: soon(1_000) });
    await pass(1_000);
    await ask(1);
    await expect(ask(20)).rejects.toMatchObject({ retryAfterMs: soon(20_000) });
    expect(await cost()).toBeGreaterThanOrEqual(59);
    await pass(30_000);
    expect(await cost()).toBeLessThanOrEqual(31);
  });

  test('is let in beyond all that there is when nothing is taken, but for a limit of nothing', async () => {
    const { asks } = gateway({ costPerMinute: 10 });
    expect([await asks(20), await asks(20)]).toEqual([true, false]);
    await pass(120_001);
    expect(await asks(20)).toBe(true);
    expect(await gateway({ costPerMinute: 0 }).asks(1)).toBe(false);
  });

  test('is counted for all gateways together, whichever is asked how often', async () => {
    const limit = 640;
    const gateways = [gateway({ costPerMinute: limit }), gateway({ costPerMinute: limit })];
    const begun = performance.now();
    const answers: boolean[] = [];
    for (let round = 0; round < 20; round += 1) {
      const crowd = Array.from({ length: 100 }, (_, i) => gateways[i % 4 === 0 ? 0 : 1]!.asks(1));
      answers.push(...(await Promise.all(crowd)));
    }
    const drained = (limit * (performance.now() - begun)) / 60_000;
    const letIn = answers.filter((isIn) => isIn).length;
    expect(letIn).toBeGreaterThanOrEqual(limit - 2 * (limit / 64));
    expect(letIn).toBeLessThanOrEqual(limit + limit / 64 + drained);
  });

  test('needs no word with Redis for most requests that follow each other, nor while there is no room', async () => {
    const { asks, seen } = gateway({ costPerMinute: 6_400 });
    for (let i = 0; i < 1_000; i += 1) expect(await asks(1)).toBe(true);
    expect(seen.asked).toBeLessThan(20);
    const other = gateway({ costPerMinute: 20 });
    for (let i = 0; i < 50; i += 1) expect(await other.asks(20)).toBe(false);
    expect(other.seen.asked).toBe(1);
  });

  test('is not paid by the tenant for what its key may not ask', async () => {
    const { asks, cost } = gateway({ costPerMinute: 6_400 }, { costPerMinute: 40 });
    expect([await asks(40), await asks(40)]).toEqual([true, false]);
    // Not known here, so the tenant has paid before.
    const other = gateway({ costPerMinute: 6_400 }, { costPerMinute: 40 });
    for (let i = 0; i < 20; i += 1) expect(await other.asks(40)).toBe(false);
    const before = await cost();
    expect(before).toBeLessThanOrEqual(40 + 100 + 40);
  });

  test('leaves nothing in Redis when it has drained', async () => {
    await gateway({ costPerMinute: 600 }).ask(5);
    const left = await redis.pttl(rig.keys.cost('acme'));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1_500);
  });
});

test('a place is never left behind, however often one is left, nor by who was refused', async () => {
  const { ask, asks } = gateway({ requests: 1, costPerMinute: 60 });
  const leave = await ask(20);
  await expect(ask(1)).rejects.toMatchObject({ retryAfterMs: 100 });
  for (const _ of [1, 2]) leave();
  for (const _ of [1, 2]) (await ask(20))();
  expect(await asks(20)).toBe(false);
  await expect.poll(() => redis.hget(rig.keys.ledger, 'acme requests')).toBe(null);
});
