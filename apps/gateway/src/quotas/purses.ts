/**
 * What requests cost in a minute, at all gateways together: Redis counts it, and nobody is let in whom it has not counted. A gateway takes a
 * little ahead, so that requests that follow each other need not ask, and what it takes ahead lasts no longer than it takes to drain: who
 * dies with it, or needs none of it, leaves nothing behind. While an account is full, that is known here, too.
 */
import type { CostLedger } from '@cc-executor/job-log';

export type PurseOf = { account: string; limit: number };

export type Purses = {
  /** After how long to ask again, in ms, where it is known here that there is no room. */
  refusal(of: PurseOf, cost: number): number | undefined;
  /** Pays; where there is no room, returns after how long to ask again, in ms. Errors: those of Redis, which may have counted it. */
  pay(of: PurseOf, cost: number): Promise<number | undefined> | number | undefined;
  /** What was paid a moment ago was not for anything. */
  giveBack(of: PurseOf, cost: number): void;
  /** What is taken, but for what is taken ahead here. Errors: those of Redis. */
  taken(of: PurseOf): Promise<number>;
};

type Waiting = { cost: number; resolve: (paid: boolean) => void; reject: (error: unknown) => void };

type Purse = {
  ahead: number;
  aheadUntil: number;
  /** What was taken at that time at least, since others only take more. */
  taken: number;
  at: number;
  waiting: Waiting[];
  /** What those cost who wait, or of whom Redis was asked and has not answered. */
  pending: number;
  isAsked: boolean;
};

const MINUTE_MS = 60_000;
/** Which part of a limit is taken ahead, at most. */
const PART_AHEAD = 1 / 64;
/** In this time so much drains, in ms. */
const AHEAD_MS = MINUTE_MS * PART_AHEAD;
/** When there may be room that there was not a moment ago, in ms. */
const RETRY_MS = 100;
/** Accounts that are remembered though nobody has paid from them for a minute. */
const MAX_IDLE = 10_000;

/** @param options.now in ms, never going back */
export function createPurses({
  ledger,
  now = () => performance.now(),
}: {
  ledger: CostLedger;
  now?: () => number;
}): Purses {
  const purses = new Map<string, Purse>();

  function purseOf({ account }: PurseOf): Purse {
    const known = purses.get(account);
    if (known) {
      if (known.aheadUntil <= now()) known.ahead = 0;
      return known;
    }
    forgetIdle();
    const purse = { ahead: 0, aheadUntil: 0, taken: 0, at: now(), waiting: [], pending: 0, isAsked: false };
    purses.set(account, purse);
    return purse;
  }

  function forgetIdle(): void {
    if (purses.size < MAX_IDLE) return;
    for (const [account, { at, isAsked }] of purses) {
      if (!isAsked && now() - at > MINUTE_MS) purses.delete(account);
    }
  }

  /** When there is room for it, as far as is known here; undefined when there may be. */
  function retryMs(purse: Purse, { limit }: PurseOf, cost: number): number | undefined {
    if (purse.ahead >= cost) return undefined;
    if (limit === 0) return MINUTE_MS;
    const drained = (limit * (now() - purse.at)) / MINUTE_MS;
    // Who asks is counted at once: a crowd that comes in one moment is not all let through to ask.
    const taken = Math.max(0, purse.taken - drained) + purse.pending - purse.ahead;
    // One that costs more than there may ever be is let in when nothing is taken.
    const over = Math.min(taken + cost - limit, taken);
    return over <= 0 ? undefined : Math.ceil((over * MINUTE_MS) / limit);
  }

  async function ask(of: PurseOf, purse: Purse): Promise<void> {
    purse.isAsked = true;
    while (purse.waiting.length > 0) {
      const asking = purse.waiting;
      const costs = asking.map(({ cost }) => cost);
      purse.waiting = [];
      const askedAt = now();
      const givenBack = purse.aheadUntil > askedAt ? purse.ahead : 0;
      purse.ahead = 0;
      try {
        const payment = await ledger.pay(of.account, {
          ...{ limit: of.limit, givenBack },
          ahead: Math.floor(of.limit * PART_AHEAD),
          costs,
        });
        // What was given back meanwhile is counted still.
        purse.ahead = payment.ahead + (purse.aheadUntil > now() ? purse.ahead : 0);
        Object.assign(purse, { taken: payment.taken, at: askedAt, aheadUntil: askedAt + AHEAD_MS });
        purse.pending -= sum(costs);
        for (const [i, { resolve }] of asking.entries()) resolve(payment.isPaid[i] ?? false);
      } catch (error) {
        purse.pending -= sum(costs);
        for (const { reject } of asking) reject(error);
      }
    }
    purse.isAsked = false;
  }

  return {
    refusal: (of, cost) => retryMs(purseOf(of), of, cost),
    pay(of, cost) {
      const purse = purseOf(of);
      // Who waits has come before.
      if (purse.ahead >= cost && purse.waiting.length === 0) {
        purse.ahead -= cost;
        return undefined;
      }
      const known = retryMs(purse, of, cost);
      if (known !== undefined) return known;
      return new Promise<boolean>((resolve, reject) => {
        purse.waiting.push({ cost, resolve, reject });
        purse.pending += cost;
        if (!purse.isAsked) void ask(of, purse);
      }).then((isPaid) => (isPaid ? undefined : (retryMs(purse, of, cost) ?? RETRY_MS)));
    },
    giveBack(of, cost) {
      const purse = purseOf(of);
      if (purse.ahead === 0) purse.aheadUntil = now() + AHEAD_MS;
      purse.ahead += cost;
    },
    async taken(of) {
      const { ahead } = purseOf(of);
      const { taken } = await ledger.pay(of.account, { limit: of.limit, givenBack: 0, ahead: 0, costs: [] });
      return Math.max(0, taken - ahead);
    },
  };
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((all, one) => all + one, 0);
}
