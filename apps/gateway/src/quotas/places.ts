/**
 * The places that this gateway has in accounts of which all gateways have a part, such as of requests that are being answered. Redis
 * knows how many each has, under a lease, so nobody passes a limit, and what a gateway had that died is free again. A place that was left
 * is kept for a moment, so that who comes next need not ask; those kept at all gateways are never more than half of a limit. A gateway
 * that stood still for longer than its lease learns so when it is back, and puts out as many as others have taken the places of.
 */
import { randomUUID } from 'node:crypto';
import type { PlaceGrant, PlaceLedger } from '@cc-executor/job-log';

export type PlaceIn = { account: string; limit: number };

/** All places of an account are taken. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
  readonly account: string;

  constructor(account: string) {
    super(`no place in ${account}`);
    this.account = account;
  }
}

export type Places = {
  /**
   * A place in each, or in none; returns what leaves them, which is idempotent. Errors: `NoPlaceError`; what Redis throws.
   *
   * @param putOut called once at most, should others have it after all: whoever is in it is to leave. Without it nobody is put out
   */
  take(wanted: readonly PlaceIn[], putOut?: () => void): Promise<() => void>;
  /** Redis may have lost what it was told: it is told all of it. */
  retell(): void;
  /** Gives back what nobody is in. Idempotent. */
  close(): Promise<void>;
};

/** What this gateway has of an account. */
type Own = PlaceIn & {
  used: number;
  waiting: number;
  granted: number;
  /** How many of these may be kept when nobody is in them. */
  keepable: number;
  /** The most that were used since places were given back. */
  peak: number;
  /** Its lease had lapsed, and it is not known yet what others have taken. */
  hasLapsed: boolean;
  /** Those in it who can be put out; who came first comes first. */
  movable: Set<() => void>;
};

type Taking = {
  owns: Own[];
  putOut: (() => void) | undefined;
  resolve: (leave: () => void) => void;
  reject: (error: unknown) => void;
};

const LEASE_MS = 3_000;
/** How long what nobody is in is kept, once or twice, in ms. */
const KEEP_MS = 50;
const NOTHING = { used: 0, waiting: 0, granted: 0, keepable: 0, peak: 0, hasLapsed: false } as const;

/** @param options.now in ms, never going back */
export function createPlaces({
  ledger,
  leaseMs = LEASE_MS,
  now = () => performance.now(),
}: {
  ledger: PlaceLedger;
  leaseMs?: number;
  now?: () => number;
}): Places {
  const gateway = randomUUID();
  const all = new Map<string, Own>();
  /** Of which Redis is to be told, or may not have heard. */
  const untold = new Set<Own>();
  const resting = new Set<Own>();
  let takings: Taking[] = [];
  let isAsked = false;
  let telling: Promise<void> | undefined;
  let rest: NodeJS.Timeout | undefined;
  let aliveUntil = Number.NEGATIVE_INFINITY;

  function ownOf({ account, limit }: PlaceIn): Own {
    const own = all.get(account) ?? { account, limit, ...NOTHING, movable: new Set() };
    own.limit = limit;
    all.set(account, own);
    return own;
  }

  async function take(wanted: readonly PlaceIn[], putOut?: () => void): Promise<() => void> {
    if (wanted.length === 0) return () => {};
    const owns = wanted.map(ownOf);
    // Who waits has come before.
    if (now() < aliveUntil && owns.every(({ used, waiting, granted }) => used + waiting < granted)) {
      return enter(owns, putOut);
    }
    return new Promise((resolve, reject) => {
      for (const own of owns) {
        own.waiting += 1;
        untold.add(own);
      }
      takings.push({ owns, putOut, resolve, reject });
      tell();
    });
  }

  function enter(owns: readonly Own[], putOut?: () => void): () => void {
    // As a function of its own: several may be put out by the same one.
    const move = putOut && (() => putOut());
    for (const own of owns) {
      if (move) own.movable.add(move);
      own.used += 1;
      own.peak = Math.max(own.peak, own.used);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      for (const own of owns) {
        if (move) own.movable.delete(move);
        own.used -= 1;
        giveBack(own);
      }
    };
  }

  /** What is not to be kept; the rest of what nobody is in after a while. */
  function giveBack(own: Own): void {
    if (wantedOf(own) < own.granted) {
      untold.add(own);
      tell();
    }
    if (own.used + own.waiting >= own.granted) return;
    resting.add(own);
    rest ??= setTimeout(endRest, KEEP_MS);
  }

  function endRest(): void {
    rest = undefined;
    const rested = [...resting];
    resting.clear();
    for (const own of rested) {
      giveBack(own);
      own.peak = own.used;
    }
  }

  /** Tells Redis, one step after another. */
  function tell(): void {
    isAsked = true;
    telling ??= tellAll();
  }

  async function tellAll(): Promise<void> {
    while (isAsked) {
      isAsked = false;
      await tellSome();
    }
    // In this very turn: who asks in the next begins anew.
    telling = undefined;
  }

  async function tellSome(): Promise<void> {
    const [told, asking] = [[...untold], takings];
    takings = [];
    untold.clear();
    // What is given back is nobody's here from now on.
    for (const own of told) own.granted = Math.min(own.granted, wantedOf(own));
    const askedAt = now();
    try {
      const wishes = told.map((own) => ({ ...own, wanted: wantedOf(own) }));
      const { wasAlive, grants } = await ledger.hold(gateway, leaseMs, wishes);
      aliveUntil = askedAt + leaseMs;
      if (!wasAlive) loseOthers(new Set(told));
      for (const [i, { granted, taken }] of grants.entries()) grant(told[i]!, { granted, taken });
      for (const taking of asking) settle(taking);
      for (const [i, { taken }] of grants.entries()) clear(told[i]!, taken);
      for (const own of told) {
        giveBack(own);
        const isIdle = own.used + own.waiting + own.granted === 0;
        if (isIdle && !untold.has(own)) all.delete(own.account);
      }
    } catch (error) {
      // It may have heard of them.
      for (const own of told) untold.add(own);
      for (const { owns, reject } of asking) {
        for (const own of owns) own.waiting -= 1;
        reject(error);
      }
    }
  }

  /** Its lease had lapsed: of what it did not tell now Redis knows nothing any more. */
  function loseOthers(told: ReadonlySet<Own>): void {
    for (const own of all.values()) {
      own.hasLapsed = own.used > 0;
      if (own.granted === 0 || told.has(own)) continue;
      own.granted = own.used;
      untold.add(own);
      isAsked = true;
    }
  }

  /** Puts out as many as there are beyond the limit since others took the places of those here, the last of them first. */
  function clear(own: Own, taken: number): void {
    if (!own.hasLapsed) return;
    own.hasLapsed = false;
    const over = Math.max(0, taken - own.limit);
    for (const move of [...own.movable].reverse().slice(0, over)) move();
  }

  function settle({ owns, putOut, resolve, reject }: Taking): void {
    for (const own of owns) own.waiting -= 1;
    const full = owns.find(({ used, granted }) => used >= granted);
    if (full) reject(new NoPlaceError(full.account));
    else resolve(enter(owns, putOut));
  }

  // Within the lease, twice should one of them be lost; also what Redis has not heard of.
  const renewal = setInterval(() => {
    if (all.size > 0) tell();
  }, leaseMs / 3);
  renewal.unref();

  return {
    take,
    retell() {
      for (const own of all.values()) untold.add(own);
      if (untold.size > 0) tell();
    },
    async close() {
      clearInterval(renewal);
      clearTimeout(rest);
      await telling;
      for (const own of all.values()) {
        own.peak = 0;
        giveBack(own);
      }
      clearTimeout(rest);
      await telling;
    },
  };
}

function grant(own: Own, { granted, taken }: PlaceGrant): void {
  own.granted = granted;
  // As many, and no more, as all have together while that is no more than half.
  own.keepable = taken * 2 <= own.limit ? granted : Math.min(own.keepable, granted);
}

function wantedOf({ used, waiting, granted, keepable, peak }: Own): number {
  const needed = used + waiting;
  return needed + Math.max(0, Math.min(granted - needed, keepable, peak - needed));
}
