/**
 * Whose request is begun next, among all connections of a gateway: that of the connection on which least time was spent.
 * So a client that asks rarely does not wait for those that ask without end, however much each of their requests takes.
 * Between slices whatever else is due has its turn: sockets, answers of Redis, timers.
 */

const SLICE_MS = 5;
/** So much sooner has its turn who did not ask for a while: it need not wait for a round of all those who always do. */
const CREDIT_MS = 50;
/** A request is never counted as less: there are clocks that stand still for so short a time. */
const LEAST_MS = 0.01;

export type Turns = {
  /** Adds a connection. `begin` begins one of its requests, and says whether it wants to begin another. */
  add(begin: () => boolean): Turn;
};

export type Turn = {
  /** There is a request to begin: `begin` is called soon. */
  want(): void;
  /** There is none any more. */
  leave(): void;
};

type Member = { begin: () => boolean; spentMs: number };

export function createTurns(): Turns {
  const wanting = new Set<Member>();
  /** The most that was spent on a member whose turn it was: who comes now has no claim to all that it did not use before. */
  let spentMs = 0;
  let isDue = false;

  function runSoon(): void {
    if (isDue) return;
    isDue = true;
    setImmediate(run);
  }

  function run(): void {
    isDue = false;
    let now = performance.now();
    for (const end = now + SLICE_MS; wanting.size > 0 && now < end; ) {
      const member = leastSpent();
      spentMs = Math.max(spentMs, member.spentMs);
      if (!member.begin()) wanting.delete(member);
      const before = now;
      now = performance.now();
      member.spentMs += Math.max(now - before, LEAST_MS);
    }
    if (wanting.size > 0) runSoon();
  }

  function leastSpent(): Member {
    let least: Member | undefined;
    for (const member of wanting) if (!least || member.spentMs < least.spentMs) least = member;
    return least as Member;
  }

  return {
    add(begin) {
      const member = { begin, spentMs: 0 };
      return {
        want() {
          if (wanting.has(member)) return;
          member.spentMs = Math.max(member.spentMs, spentMs - CREDIT_MS);
          wanting.add(member);
          runSoon();
        },
        leave: () => wanting.delete(member),
      };
    },
  };
}
