/**
 * Reads a whole log for its text, page by page, so that the event loop goes on in between. Finds what no log of ours
 * can be: a hole, something after the terminal event, a terminal event that is not the record's.
 */
import type { ReadLog } from '@cc-executor/job-log';
import {
  changesText,
  emptyFold,
  eventTexts,
  foldEvents,
  foldedText,
  isTerminalEvent,
  type JobEvent,
  type TerminalEvent,
} from '@cc-executor/protocol';

const PAGE = { maxEvents: 2_000, maxBytes: 1024 * 1024 };

export type JobText =
  /** All output after resets, as UTF-8. */
  { text: Buffer; terminal: TerminalEvent } | { fault: string };

/** Reads an ended job; undefined when its log is gone meanwhile. Errors: `RedisUnavailableError`. */
export async function readJobText(
  readLog: ReadLog,
  tenant: string,
  jobId: string,
): Promise<JobText | undefined> {
  const carriers: JobEvent[] = [];
  let terminal: TerminalEvent | undefined;
  for (let seq = 0; ; ) {
    const page = await readLog.range(tenant, jobId, { ...PAGE, afterSeq: seq });
    if (page === undefined) return undefined;
    if (page.batches.length === 0) {
      if (terminal === undefined) return { fault: 'it does not end with a terminal event' };
      if (terminal.type !== page.status) {
        return { fault: `it ends as ${terminal.type}, and the record says ${page.status}` };
      }
      return { text: Buffer.from(foldedText(foldEvents(emptyFold, carriers))), terminal };
    }
    for (const json of page.batches.flatMap(eventTexts)) {
      seq += 1;
      const event = parseEvent(json);
      if (event?.jobId !== jobId || event.seq !== seq) return { fault: `event ${seq} is not in its place` };
      if (terminal !== undefined) return { fault: `event ${seq} comes after the terminal event` };
      if (isTerminalEvent(event)) terminal = event;
      else if (changesText(event)) carriers.push(event);
    }
  }
}

function parseEvent(json: string): JobEvent | undefined {
  try {
    return JSON.parse(json) as JobEvent;
  } catch {
    // Nothing of ours writes such an event.
    return undefined;
  }
}
