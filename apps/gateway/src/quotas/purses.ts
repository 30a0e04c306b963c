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
  of: PurseOf;
  ahead: number;
  aheadUntil: number;
  /** What was taken at that time at least, since others only take more. */
  taken: number;
  at: number;
  waiting: Waiting[];
  /** What those cost who wait, or of whom Redis was asked and has not answered. */
  pending: number;
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
  /** Those for which somebody waits. */
  const lacking = new Set<Purse>();
  let isAsked = false;

  function purseOf(of: PurseOf): Purse {
    const known = purses.get(of.account);
    if (known) {
      known.of = of;
      if (known.aheadUntil <= now()) known.ahead = 0;
      return known;
    }
    forgetIdle();
    const purse = { of, ahead: 0, aheadUntil: 0, taken: 0, at: now(), waiting: [], pending: 0 };
    purses.set(of.account, purse);
    return purse;
  }

  function forgetIdle(): void {
    if (purses.size < MAX_IDLE) return;
    for (const [account, { at, pending }] of purses) {
      if (pending === 0 && now() - at > MINUTE_MS) purses.delete(account);
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

  /** Asks Redis for all who wait, of whichever account, one step after another. */
  async function ask(): Promise<void> {
    isAsked = true;
    while (lacking.size > 0) await askOnce();
    isAsked = false;
  }

  async function askOnce(): Promise<void> {
    const askedAt = now();
    const asking = [...lacking].map((purse) => {
      const { of, waiting, ahead, aheadUntil } = purse;
      Object.assign(purse, { waiting: [], ahead: 0 });
      const givenBack = aheadUntil > askedAt ? ahead : 0;
      const costs = waiting.map(({ cost }) => cost);
      return { purse, waiting, wish: { ...of, ahead: Math.floor(of.limit * PART_AHEAD), givenBack, costs } };
    });
    lacking.clear();
    const payments = await ledger.pay(asking.map(({ wish }) => wish)).catch((error: unknown) => ({ error }));
    for (const [i, { purse, waiting, wish }] of asking.entries()) {
      for (const cost of wish.costs) purse.pending -= cost;
      if ('error' in payments) {
        for (const { reject } of waiting) reject(payments.error);
        continue;
      }
      const { taken, ahead, isPaid } = payments[i]!;
      // What was given back meanwhile is counted still.
      purse.ahead = ahead + (purse.aheadUntil > now() ? purse.ahead : 0);
      Object.assign(purse, { taken, at: askedAt, aheadUntil: askedAt + AHEAD_MS });
      for (const [n, { resolve }] of waiting.entries()) resolve(isPaid[n] ?? false);
    }
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
        lacking.add(purse);
        // All that this turn asks for goes together.
        if (!isAsked) queueMicrotask(() => isAsked || void ask());
      }).then((isPaid) => (isPaid ? undefined : (retryMs(purse, of, cost) ?? RETRY_MS)));
    },
    giveBack(of, cost) {
      const purse = purseOf(of);
      if (purse.ahead === 0) purse.aheadUntil = now() + AHEAD_MS;
      purse.ahead += cost;
    },
    async taken(of) {
      const { ahead } = purseOf(of);
      const [paid] = await ledger.pay([{ ...of, givenBack: 0, ahead: 0, costs: [] }]);
      return Math.max(0, (paid?.taken ?? 0) - ahead);
    },
  };
}
