/**
 * Lets those who read the log of an ended job at the same time share its pages: who asks for a stretch that is being read
 * already waits for that. A log that may still grow is read by each for itself: a page that was asked for earlier can be
 * older than what its reader must see.
 */
import type { Page, ReadLog } from '@cc-executor/job-log';
import { isTerminal } from '@cc-executor/protocol';

/** The same log. */
export function shareReads(readLog: ReadLog): ReadLog {
  const underWay = new Map<string, Promise<Page | undefined>>();

  return {
    ...readLog,
    async range(...asked) {
      const key = JSON.stringify(asked);
      const before = underWay.get(key);
      const page = before && (await before);
      if (page && isTerminal(page.status)) return page;
      const reading = readLog.range(...asked);
      if (underWay.has(key)) return reading;
      underWay.set(key, reading);
      try {
        return await reading;
      } finally {
        underWay.delete(key);
      }
    },
  };
}
