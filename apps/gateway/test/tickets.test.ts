/** Tickets as they stand in Redis: who writes there can make none, change none, and keep none. */
import type { Identity } from '@cc-executor/identity';
import { beforeEach, describe, expect, test } from 'vitest';
import { createSigner } from '../src/identity/signer.ts';
import { createTickets } from '../src/identity/tickets.ts';
import { provideRig, type Rig, type TestGateway } from './harness.ts';

const OLD = 'an-old-secret-that-is-long-enough-for-it';
const NEW = 'a-new-secret-that-is-long-enough-for-it';
const reader: Identity = {
  ...{ tenant: 'acme', scopes: ['read'], who: 'somebody' },
  proof: { kind: 'jwt', expiresAt: Number.MAX_SAFE_INTEGER },
};

let rig: Rig;
let redis: TestGateway['redis'];
provideRig((made) => {
  rig = made;
});
beforeEach(async () => {
  ({ redis } = await rig.gateway());
});

const ticketsOf = (secrets: readonly string[], now?: () => number) =>
  createTickets({
    ...{ redis, keyPrefix: rig.keyPrefix, ...(now && { now }) },
    signer: secrets.length === 0 ? undefined : createSigner(secrets),
  });

/** The only ticket that there is. */
async function kept() {
  const [key = ''] = await redis.keys(`${rig.keyPrefix}:ticket:*`);
  return { key, value: (await redis.get(key)) ?? '' };
}

describe('a ticket of gateways that share a secret', () => {
  test.each([
    ['is changed', (value: string) => value.replace('"read"', '"admin"')],
    ['is made by somebody else', (value: string) => createSigner([NEW]).sign('', value.slice(43))],
    ['is not signed', (value: string) => value.slice(43)],
    ['is nothing', () => ''],
  ])('opens nothing when what stands for it %s', async (_, change) => {
    const tickets = ticketsOf([OLD]);
    const { ticket } = await tickets.issue(reader, undefined);
    const { key, value } = await kept();
    expect(change(value)).not.toBe(value);
    await redis.set(key, change(value));
    expect(await tickets.redeem(ticket, undefined)).toBe(undefined);
  });

  test('is not good under the name of another', async () => {
    const tickets = ticketsOf([OLD]);
    await tickets.issue({ ...reader, scopes: ['admin'] }, undefined);
    const { key: adminKey, value } = await kept();
    await redis.del(adminKey);
    const { ticket } = await tickets.issue(reader, undefined);
    await redis.set((await kept()).key, value);
    expect(await tickets.redeem(ticket, undefined)).toBe(undefined);
  });

  test('is not good a second time, a minute later, though its value was kept and put back', async () => {
    let now = 1_000_000;
    const tickets = ticketsOf([OLD], () => now);
    const { ticket } = await tickets.issue(reader, undefined);
    const { key, value } = await kept();
    expect(await tickets.redeem(ticket, undefined)).toEqual(reader);
    now += 60_001;
    await redis.set(key, value);
    expect(await tickets.redeem(ticket, undefined)).toBe(undefined);
  });

  test('is good for gateways that know the secret, by whichever of several it was signed', async () => {
    const [before, between, after] = [ticketsOf([OLD]), ticketsOf([NEW, OLD]), ticketsOf([NEW])];
    const [{ ticket: first }, { ticket: second }] = [
      await before.issue(reader, undefined),
      await between.issue(reader, undefined),
    ];
    expect(await between.redeem(first, undefined)).toEqual(reader);
    expect(await after.redeem(second, undefined)).toEqual(reader);
  });
});

test('gateways without a secret take what stands there as it is', async () => {
  const tickets = ticketsOf([]);
  const { ticket } = await tickets.issue(reader, 'http://localhost:1');
  expect(await tickets.redeem(ticket, 'http://localhost:1')).toEqual(reader);
});
