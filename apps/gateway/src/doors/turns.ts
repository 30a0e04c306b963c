/**
 * Whose request is begun next, among all connections of a gateway: one of the tenant on which least time was spent, and of that
 * tenant's the connection on which least was. So a client that asks rarely does not wait for those that ask without end, however
 * much each of their requests takes, and a tenant not for another one, however many connections that has.
 * Of a tenant that asks beyond its rate little is begun at all: refusing takes time, too.
 * Between slices whatever else is due has its turn: sockets, answers of Redis, timers.
 */

const SLICE_MS = 5;
/** So much sooner has its turn who did not ask for a while: it need not wait for a round of all those who always do. */
const CREDIT_MS = 50;
/** A request is never counted as less: there are clocks that stand still for so short a time. */
const LEAST_MS = 0.01;

/** For what is refused nothing is begun so long, or so many times as long as the last request took; at most for a second. */
const HOLD_MS = 10;
const HOLD_TIMES = 10;
const MAX_HOLD_MS = 1_000;
/** More tenants than this are not remembered without a reason. */
const MAX_IDLE = 1_000;

export type Turns = {
  of(tenant: string): TenantTurns;
};

export type TenantTurns = {
  /** Adds a connection. `begin` begins one of its requests, and says whether it wants to begin another. */
  add(begin: () => boolean): Turn;
  /** A request of the tenant was beyond its rate: the next ones wait a moment, and meanwhile nothing is read behind them. */
  hold(): void;
};

export type Turn = {
  /** There is a request to begin: `begin` is called soon. */
  want(): void;
  /** There is none any more. */
  leave(): void;
};

type Spender = { spentMs: number };
type Connection = Spender & { begin: () => boolean };
type Tenant = Spender & { line: Line<Connection>; tookMs: number; heldUntil: number; isHeld: boolean };

export function createTurns(): Turns {
  const known = new Map<string, Tenant>();
  const line = createLine<Tenant>();
  let isDue = false;

  function runSoon(): void {
    if (isDue) return;
    isDue = true;
    setImmediate(run);
  }

  function run(): void {
    isDue = false;
    let now = performance.now();
    for (const end = now + SLICE_MS; now < end; ) {
      const tenant = line.next();
      const connection = tenant?.line.next();
      if (tenant === undefined || connection === undefined) return;
      if (!connection.begin()) remove(tenant, connection);
      const before = now;
      now = performance.now();
      const tookMs = Math.max(now - before, LEAST_MS);
      connection.spentMs += tookMs;
      tenant.spentMs += tookMs;
      tenant.tookMs = tookMs;
    }
    if (!line.isEmpty()) runSoon();
  }

  function remove(tenant: Tenant, connection: Connection): void {
    tenant.line.remove(connection);
    if (tenant.line.isEmpty()) line.remove(tenant);
  }

  function isIdle(tenant: Tenant): boolean {
    return tenant.line.isEmpty() && !tenant.isHeld && line.hasCredit(tenant);
  }

  function releaseLater(tenant: Tenant): void {
    setTimeout(() => {
      if (performance.now() < tenant.heldUntil) return releaseLater(tenant);
      tenant.isHeld = false;
      if (tenant.line.isEmpty()) return;
      line.add(tenant);
      runSoon();
    }, tenant.heldUntil - performance.now()).unref();
  }

  function tenantOf(name: string): Tenant {
    const found = known.get(name);
    if (found) return found;
    if (known.size >= MAX_IDLE) {
      for (const [other, tenant] of known) if (isIdle(tenant)) known.delete(other);
    }
    const tenant = { spentMs: 0, line: createLine<Connection>(), tookMs: 0, heldUntil: 0, isHeld: false };
    known.set(name, tenant);
    return tenant;
  }

  return {
    of: (name) => ({
      add(begin) {
        const connection = { begin, spentMs: 0 };
        let tenant: Tenant | undefined;
        return {
          want() {
            tenant = tenantOf(name);
            tenant.line.add(connection);
            if (tenant.isHeld) return;
            line.add(tenant);
            runSoon();
          },
          leave() {
            if (tenant) remove(tenant, connection);
          },
        };
      },
      hold() {
        const tenant = tenantOf(name);
        const now = performance.now();
        const holdMs = Math.max(HOLD_MS, HOLD_TIMES * tenant.tookMs);
        tenant.heldUntil = Math.min(Math.max(tenant.heldUntil, now) + holdMs, now + MAX_HOLD_MS);
        line.remove(tenant);
        if (tenant.isHeld) return;
        tenant.isHeld = true;
        releaseLater(tenant);
      },
    }),
  };
}

type Line<S extends Spender> = {
  add(one: S): void;
  remove(one: S): void;
  /** Of those that are in it the one on which least was spent. */
  next(): S | undefined;
  isEmpty(): boolean;
  /** Whether all that was spent on it is long made up for: it could as well be new. */
  hasCredit(one: S): boolean;
};

function createLine<S extends Spender>(): Line<S> {
  const wanting = new Set<S>();
  /** The most that was spent on one whose turn it was: who comes now has no claim to all that it did not use before. */
  let spentMs = 0;
  return {
    add(one) {
      if (wanting.has(one)) return;
      one.spentMs = Math.max(one.spentMs, spentMs - CREDIT_MS);
      wanting.add(one);
    },
    remove: (one) => void wanting.delete(one),
    next() {
      let least: S | undefined;
      for (const one of wanting) if (!least || one.spentMs < least.spentMs) least = one;
      spentMs = Math.max(spentMs, least?.spentMs ?? 0);
      return least;
    },
    isEmpty: () => wanting.size === 0,
    hasCredit: (one) => one.spentMs <= spentMs - CREDIT_MS,
  };
}
