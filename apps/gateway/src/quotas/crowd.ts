/**
 * What holders have under way at this gateway, which no other counts: requests, what those of the last minute cost, jobs that are
 * listened to. It ends with the process, and with nothing else.
 */
import type { Identity } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import type { Holder, HoldersOf } from './holders.ts';

type Counted = 'requests' | 'attachments';
type Present = Record<Counted, number> & { cost: number; at: number };

export const crowdQuotas = ['requests', 'attachments', 'costPerMinute'] as const;

export type Crowd = {
  /** A request begins that costs so much; returns what ends it. Errors: `quota_exceeded`. */
  ask(identity: Identity, cost: number): () => void;
  /** A job is listened to from now on; returns what ends it. Errors: `quota_exceeded`. */
  attach(identity: Identity): () => void;
  /** What is taken of a quota. */
  taken(holder: Holder, name: (typeof crowdQuotas)[number]): number;
};

const MINUTE_MS = 60_000;
/** When something that is under way may have ended, in ms. */
const RETRY_MS = 100;
/** Holders that are remembered though they have nothing under way. */
const MAX_IDLE = 10_000;

/** @param now in ms, never going back */
export function createCrowd(holdersOf: HoldersOf, now: () => number = () => performance.now()): Crowd {
  const present = new Map<string, Present>();

  function of({ account, limits }: Holder): Present {
    const found = present.get(account) ?? { requests: 0, attachments: 0, cost: 0, at: now() };
    const drained = ((limits.costPerMinute ?? 0) * (now() - found.at)) / MINUTE_MS;
    found.cost = Math.max(0, found.cost - drained);
    found.at = now();
    present.set(account, found);
    return found;
  }

  /** A place for each holder, or none for any. */
  function take(holders: readonly Holder[], name: Counted): () => void {
    const limited = holders.filter(({ limits }) => limits[name] !== undefined);
    for (const holder of limited) {
      const limit = holder.limits[name] ?? 0;
      if (of(holder)[name] >= limit) throw exceeded(holder, name, `${limit} are under way`, RETRY_MS);
    }
    // Whoever has something under way is not forgotten.
    const taken = limited.map(of);
    for (const one of taken) one[name] += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      for (const one of taken) one[name] -= 1;
      forgetIdle();
    };
  }

  /** Takes what a request costs; one that costs more than there may ever be is let in when nothing is taken. */
  function pay(holders: readonly Holder[], cost: number): void {
    const limited = holders.filter(({ limits }) => limits.costPerMinute !== undefined);
    for (const holder of limited) {
      const { costPerMinute: limit = 0 } = holder.limits;
      const over = Math.min(of(holder).cost + cost - limit, of(holder).cost);
      if (over <= 0) continue;
      const retryMs = limit === 0 ? MINUTE_MS : Math.ceil((over * MINUTE_MS) / limit);
      throw exceeded(holder, 'costPerMinute', `this one costs ${cost}`, retryMs);
    }
    for (const holder of limited) of(holder).cost += cost;
  }

  function forgetIdle(): void {
    if (present.size <= MAX_IDLE) return;
    for (const [account, { requests, attachments, at }] of present) {
      if (requests + attachments === 0 && now() - at > MINUTE_MS) present.delete(account);
    }
  }

  return {
    ask(identity, cost) {
      const holders = holdersOf(identity);
      const leave = take(holders, 'requests');
      try {
        pay(holders, cost);
        return leave;
      } catch (error) {
        leave();
        throw error;
      }
    },
    attach: (identity) => take(holdersOf(identity), 'attachments'),
    taken: (holder, name) => Math.round(of(holder)[name === 'costPerMinute' ? 'cost' : name]),
  };
}

function exceeded({ of, limits }: Holder, name: (typeof crowdQuotas)[number], why: string, retryMs: number) {
  const message = `The quota ${name} of the ${of} is reached at this gateway: it is ${limits[name]}, and ${why}`;
  return new ProtocolError('quota_exceeded', message, retryMs);
}
