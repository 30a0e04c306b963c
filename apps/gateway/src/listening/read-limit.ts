/**
 * Lets few reads of logs, lists and records be under way at once, for the whole gateway: what Redis has answered and we
 * have not taken yet waits in its memory, and what we have taken in ours. Redis answers one after another, so that everybody's
 * answers wait for what it has been asked before: of a tenant there are fewer still. Tenants have their turns, and of one tenant
 * who came first; since each connection reads one thing at a time (read-turns.ts), none of them can hold up the others for
 * longer than one read each. A list takes Redis's time, and passing a page on the gateway's own: while several tenants ask, a
 * tenant has one of these under way, and pages are small.
 */
import type { Reach, ReadLog } from '@cc-executor/job-log';

/** A page of a log has 512 KiB, and less where there are many connections. */
const MAX_READS = 32;
const MAX_READS_OF_TENANT = 4;
/** While several tenants ask: a page of so many bytes takes about a ms from Redis to its sockets. */
const SHARED_PAGE_BYTES = 128 * 1024;
/** For so long after another tenant has asked than before. */
const SHARED_MS = 1_000;

/** What of a tenant is under way, and what waits. */
type Line = { reading: number; waiting: { places: number; begin: () => void }[] };

/** The same log, read no more than so often at once. Positions are not held up: they are small, and tell of life. */
export function limitReads(
  readLog: ReadLog,
  { maxReads = MAX_READS, maxReadsOfTenant = MAX_READS_OF_TENANT } = {},
): ReadLog {
  /** In the order in which they come next. Who sees all has one, too. */
  const lines = new Map<Reach, Line>();
  let reading = 0;
  let lastAsked: Reach | undefined;
  let sharedUntil = 0;

  function noteAsked(whose: Reach): void {
    if (lastAsked !== undefined && lastAsked !== whose) sharedUntil = performance.now() + SHARED_MS;
    lastAsked = whose;
  }

  /** What takes several places may always begin as the only one. */
  function mayBegin(line: Line, places: number): boolean {
    const isWithin = line.reading === 0 || line.reading + places <= maxReadsOfTenant;
    return isWithin && reading < maxReads;
  }

  function begin(line: Line, places: number): void {
    reading += places;
    line.reading += places;
  }

  /** Whoever has begun comes last, and is found here again. */
  function beginWaiting(): void {
    for (const [whose, line] of lines) {
      if (reading >= maxReads) return;
      const [next] = line.waiting;
      if (next === undefined || !mayBegin(line, next.places)) continue;
      line.waiting.shift();
      begin(line, next.places);
      lines.delete(whose);
      lines.set(whose, line);
      next.begin();
    }
  }

  async function inTurn<T>(whose: Reach, read: () => Promise<T>, places = 1): Promise<T> {
    noteAsked(whose);
    const line = lines.get(whose) ?? { reading: 0, waiting: [] };
    lines.set(whose, line);
    if (line.waiting.length === 0 && mayBegin(line, places)) begin(line, places);
    else await new Promise<void>((resolve) => line.waiting.push({ places, begin: resolve }));
    try {
      return await read();
    } finally {
      reading -= places;
      line.reading -= places;
      if (line.reading + line.waiting.length === 0) lines.delete(whose);
      beginWaiting();
    }
  }

  const isShared = () => performance.now() < sharedUntil;

  /** What takes Redis, or us, a ms and more: pages of logs, and lists, for which many entries are looked at. */
  function inTurnAlone<T>(whose: Reach, read: () => Promise<T>): Promise<T> {
    return inTurn(whose, read, isShared() ? maxReadsOfTenant : 1);
  }

  return {
    positions(whose, ...asked) {
      noteAsked(whose);
      return readLog.positions(whose, ...asked);
    },
    range(whose, jobId, stretch) {
      const maxBytes = isShared() ? Math.min(stretch.maxBytes, SHARED_PAGE_BYTES) : stretch.maxBytes;
      return inTurnAlone(whose, () => readLog.range(whose, jobId, { ...stretch, maxBytes }));
    },
    get: (whose, ...asked) => inTurn(whose, () => readLog.get(whose, ...asked)),
    spec: (whose, ...asked) => inTurn(whose, () => readLog.spec(whose, ...asked)),
    body: (whose, ...asked) => inTurn(whose, () => readLog.body(whose, ...asked)),
    list: (whose, ...asked) => inTurnAlone(whose, () => readLog.list(whose, ...asked)),
    ownerOf: readLog.ownerOf,
    count: (whose, ...asked) => inTurnAlone(whose, () => readLog.count(whose, ...asked)),
  };
}
