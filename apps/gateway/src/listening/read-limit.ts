/**
 * Lets few reads of logs, lists and records be under way at once, for the whole gateway: what Redis has answered and we
 * have not taken yet waits in its memory, and what we have taken in ours. Redis answers one after another, so that everybody's
 * answers wait for what it has been asked before: of a tenant there are fewer still. Tenants have their turns, and of one tenant
 * who came first; since each connection reads one thing at a time (read-turns.ts), none of them can hold up the others for
 * longer than one read each.
 */
import type { Reach, ReadLog } from '@cc-executor/job-log';

/** A page of a log has 512 KiB, and less where there are many connections. */
const MAX_READS = 32;
const MAX_READS_OF_TENANT = 4;

/** What of a tenant is under way, and what waits. */
type Line = { reading: number; waiting: (() => void)[] };

/** The same log, read no more than so often at once. Positions are not held up: they are small, and tell of life. */
export function limitReads(
  readLog: ReadLog,
  { maxReads = MAX_READS, maxReadsOfTenant = MAX_READS_OF_TENANT } = {},
): ReadLog {
  /** In the order in which they come next. Who sees all has one, too. */
  const lines = new Map<Reach, Line>();
  let reading = 0;

  function mayBegin(line: Line): boolean {
    return reading < maxReads && line.reading < maxReadsOfTenant;
  }

  function begin(line: Line): void {
    reading += 1;
    line.reading += 1;
  }

  /** Whoever has begun comes last, and is found here again. */
  function beginWaiting(): void {
    for (const [whose, line] of lines) {
      if (reading === maxReads) return;
      const next = mayBegin(line) ? line.waiting.shift() : undefined;
      if (next === undefined) continue;
      begin(line);
      lines.delete(whose);
      lines.set(whose, line);
      next();
    }
  }

  async function inTurn<T>(whose: Reach, read: () => Promise<T>): Promise<T> {
    const line = lines.get(whose) ?? { reading: 0, waiting: [] };
    lines.set(whose, line);
    if (mayBegin(line)) begin(line);
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await read();
    } finally {
      reading -= 1;
      line.reading -= 1;
      if (line.reading + line.waiting.length === 0) lines.delete(whose);
      beginWaiting();
    }
  }

  return {
    positions: readLog.positions,
    range: (whose, ...asked) => inTurn(whose, () => readLog.range(whose, ...asked)),
    get: (whose, ...asked) => inTurn(whose, () => readLog.get(whose, ...asked)),
    spec: (whose, ...asked) => inTurn(whose, () => readLog.spec(whose, ...asked)),
    body: (whose, ...asked) => inTurn(whose, () => readLog.body(whose, ...asked)),
    list: (whose, ...asked) => inTurn(whose, () => readLog.list(whose, ...asked)),
    ownerOf: readLog.ownerOf,
    count: (whose, ...asked) => inTurn(whose, () => readLog.count(whose, ...asked)),
  };
}
