/**
 * What holders have under way: requests and jobs that are listened to, at all gateways together (places.ts), and what the requests of
 * the last minute cost, at this one, which no other counts.
 */
import type { Identity, QuotaName } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { type PlaceName, placesIn } from './accounts.ts';
import type { Holder, HoldersOf } from './holders.ts';
import { NoPlaceError, type Places } from './places.ts';

type Paid = { cost: number; at: number };

export type Crowd = {
  /** A request begins that costs so much; returns what ends it. Errors: `quota_exceeded`; what Redis throws. */
  ask(identity: Identity, cost: number): Promise<() => void>;
  /** Takes what something cost that was not asked before; false when that is beyond the quota. */
  pay(identity: Identity, cost: number): boolean;
  /** A job is listened to from now on; returns what ends it. Errors: as of `ask`. */
  attach(identity: Identity): Promise<() => void>;
  /** What the requests of the last minute cost. */
  cost(holder: Holder): number;
};

const MINUTE_MS = 60_000;
/** When something that is under way may have ended, in ms. */
const RETRY_MS = 100;
/** Holders that are remembered though they have asked nothing for a minute. */
const MAX_IDLE = 10_000;

/** @param options.now in ms, never going back */
export function createCrowd({
  holdersOf,
  places,
  now = () => performance.now(),
}: {
  holdersOf: HoldersOf;
  places: Pick<Places, 'take'>;
  now?: () => number;
}): Crowd {
  const paid = new Map<string, Paid>();

  function of({ account, limits }: Holder): Paid {
    const found = paid.get(account) ?? { cost: 0, at: now() };
    const drained = ((limits.costPerMinute ?? 0) * (now() - found.at)) / MINUTE_MS;
    found.cost = Math.max(0, found.cost - drained);
    found.at = now();
    paid.set(account, found);
    return found;
  }

  /** A place for each holder, or none for any. */
  async function take(holders: readonly Holder[], name: PlaceName): Promise<() => void> {
    const wanted = placesIn(holders, name);
    try {
      return await places.take(wanted);
    } catch (error) {
      const full = error instanceof NoPlaceError && wanted.find(({ account }) => account === error.account);
      if (!full) throw error;
      throw exceeded(full.of, name, `all ${full.limit} are under way`, RETRY_MS);
    }
  }

  /** Takes what a request costs; one that costs more than there may ever be is let in when nothing is taken. */
  function pay(holders: readonly Holder[], cost: number): void {
    const limited = holders.filter(({ limits }) => limits.costPerMinute !== undefined);
    for (const holder of limited) {
      const { costPerMinute: limit = 0 } = holder.limits;
      const over = Math.min(of(holder).cost + cost - limit, of(holder).cost);
      if (over <= 0) continue;
      const retryMs = limit === 0 ? MINUTE_MS : Math.ceil((over * MINUTE_MS) / limit);
      throw exceeded(
        holder.of,
        'costPerMinute',
        `it is ${limit} at each gateway, and this one costs ${cost}`,
        retryMs,
      );
    }
    for (const holder of limited) of(holder).cost += cost;
    forgetIdle();
  }

  function forgetIdle(): void {
    if (paid.size <= MAX_IDLE) return;
    for (const [account, { at }] of paid) if (now() - at > MINUTE_MS) paid.delete(account);
  }

  return {
    async ask(identity, cost) {
      const holders = holdersOf(identity);
      const leave = await take(holders, 'requests');
      try {
        pay(holders, cost);
        return leave;
      } catch (error) {
        leave();
        throw error;
      }
    },
    pay(identity, cost) {
      try {
        pay(holdersOf(identity), cost);
        return true;
      } catch {
        return false;
      }
    },
    attach: (identity) => take(holdersOf(identity), 'attachments'),
    cost: (holder) => Math.round(of(holder).cost),
  };
}

function exceeded(of: Holder['of'], name: QuotaName, why: string, retryMs: number) {
  const message = `The quota ${name} of the ${of} is reached: ${why}`;
  return new ProtocolError('quota_exceeded', message, retryMs);
}
