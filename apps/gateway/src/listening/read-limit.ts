/**
 * Lets few reads of logs, lists and records be under way at once, for the whole gateway: what Redis has answered and we
 * have not taken yet waits in its memory, and what we have taken in ours. First come, first served; since each connection
 * reads one thing at a time (read-turns.ts), none of them can hold up the others for longer than one read each.
 */
import type { ReadLog } from '@cc-executor/job-log';

/** A page of a log has 512 KiB, and less where there are many connections. */
const MAX_READS = 32;

/** The same log, read no more than so often at once. Positions are not held up: they are small, and tell of life. */
export function limitReads(readLog: ReadLog, maxReads: number = MAX_READS): ReadLog {
  const waiting: (() => void)[] = [];
  let reading = 0;

  async function inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (reading >= maxReads) await new Promise<void>((resolve) => waiting.push(resolve));
    else reading += 1;
    try {
      return await read();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else reading -= 1;
    }
  }

  return {
    positions: readLog.positions,
    range: (...args) => inTurn(() => readLog.range(...args)),
    get: (...args) => inTurn(() => readLog.get(...args)),
    spec: (...args) => inTurn(() => readLog.spec(...args)),
    body: (...args) => inTurn(() => readLog.body(...args)),
    list: (...args) => inTurn(() => readLog.list(...args)),
    ownerOf: readLog.ownerOf,
    count: (...args) => inTurn(() => readLog.count(...args)),
  };
}
