/**
 * What holders have under way: requests and jobs that are listened to (places.ts), and what the requests of the last minute cost
 * (purses.ts), at all gateways together.
 */
import type { Identity, QuotaName } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { type PlaceName, placesIn } from './accounts.ts';
import type { Holder, HoldersOf } from './holders.ts';
import { NoPlaceError, type Places } from './places.ts';
import type { PurseOf, Purses } from './purses.ts';

export type Crowd = {
  /** A request begins that costs so much; returns what ends it. Errors: `quota_exceeded`; what Redis throws. */
  ask(identity: Identity, cost: number): Promise<() => void>;
  /** Takes what something cost that was not asked before; false when that is beyond the quota. Errors: what Redis throws. */
  pay(identity: Identity, cost: number): Promise<boolean>;
  /** A job is listened to from now on; returns what ends it. `putOut`: others have its place after all. Errors: as of `ask`. */
  attach(identity: Identity, putOut?: () => void): Promise<() => void>;
  /** What the requests of the last minute cost. Errors: what Redis throws. */
  cost(holder: Holder): Promise<number>;
};

/** When something that is under way may have ended, in ms. */
const RETRY_MS = 100;

export function createCrowd({
  holdersOf,
  places,
  purses,
}: {
  holdersOf: HoldersOf;
  places: Pick<Places, 'take'>;
  purses: Purses;
}): Crowd {
  /** A place for each holder, or none for any. */
  async function take(holders: readonly Holder[], name: PlaceName, putOut?: () => void): Promise<() => void> {
    const wanted = placesIn(holders, name);
    try {
      return await places.take(wanted, putOut);
    } catch (error) {
      const full = error instanceof NoPlaceError && wanted.find(({ account }) => account === error.account);
      if (!full) throw error;
      throw exceeded(full.of, name, `all ${full.limit} are under way`, RETRY_MS);
    }
  }

  /** Takes what a request costs, of all holders or of none; returns what takes that back. */
  async function pay(holders: readonly Holder[], cost: number): Promise<() => void> {
    const limited = limitedIn(holders);
    // All at once: who has to ask Redis waits for one answer.
    const asked = await Promise.allSettled(limited.map((holder) => purses.pay(purseOf(holder), cost)));
    const isPaid = (i: number) => asked[i]?.status === 'fulfilled' && asked[i].value === undefined;
    const takeBack = () => {
      for (const [i, holder] of limited.entries()) if (isPaid(i)) purses.giveBack(purseOf(holder), cost);
    };
    try {
      for (const [i, holder] of limited.entries()) refuse(holder, cost, paidIn(asked[i]!));
      return takeBack;
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  return {
    async ask(identity, cost) {
      const holders = holdersOf(identity);
      const limited = limitedIn(holders);
      if (limited.length === 0) return take(holders, 'requests');
      // Where that is known here nothing is asked of Redis.
      for (const holder of limited) refuse(holder, cost, purses.refusal(purseOf(holder), cost));
      // In one round trip.
      const [entered, paid] = await Promise.allSettled([take(holders, 'requests'), pay(holders, cost)]);
      if (entered.status === 'fulfilled' && paid.status === 'fulfilled') return entered.value;
      for (const undo of [entered, paid]) if (undo.status === 'fulfilled') undo.value();
      throw [entered, paid].find((one) => one.status === 'rejected')?.reason;
    },
    async pay(identity, cost) {
      try {
        await pay(holdersOf(identity), cost);
        return true;
      } catch (error) {
        if (error instanceof ProtocolError) return false;
        throw error;
      }
    },
    attach: (identity, putOut) => take(holdersOf(identity), 'attachments', putOut),
    cost: async (holder) => Math.round(await purses.taken(purseOf(holder))),
  };
}

function limitedIn(holders: readonly Holder[]): Holder[] {
  return holders.filter(({ limits }) => limits.costPerMinute !== undefined);
}

function paidIn<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

function purseOf({ account, limits }: Holder): PurseOf {
  return { account, limit: limits.costPerMinute ?? 0 };
}

function refuse({ of, limits }: Holder, cost: number, retryMs: number | undefined): void {
  if (retryMs === undefined) return;
  throw exceeded(of, 'costPerMinute', `it is ${limits.costPerMinute}, and this one costs ${cost}`, retryMs);
}

function exceeded(of: Holder['of'], name: QuotaName, why: string, retryMs: number) {
  const message = `The quota ${name} of the ${of} is reached: ${why}`;
  return new ProtocolError('quota_exceeded', message, retryMs);
}
