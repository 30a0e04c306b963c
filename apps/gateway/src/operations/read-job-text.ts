/**
 * Reads a whole log for its text, page by page, and hands it on as it comes: nobody holds it whole, and the event loop goes on
 * in between. Finds what no log of ours can be: a hole, something after the terminal event, a terminal event that is not the
 * record's.
 */

import type { ReadLog } from '@cc-executor/job-log';
import { eventTexts, isTerminalEvent, type JobEvent, type TerminalEvent } from '@cc-executor/protocol';

/** Parsing a page takes one or two ms, for which everybody waits. */
const PAGE = { maxEvents: 2_000, maxBytes: 256 * 1024 };

export type JobText<T> =
  /** `text` was given all output after resets. */
  { text: T; terminal: TerminalEvent } | { fault: string };

/** The events from `from` up to before `to` count for nothing. */
type Discard = { from: number; to: number };

/**
 * Reads an ended job; undefined when its log is gone meanwhile.
 *
 * @param begin makes what is given the text, piece by piece: once more when it turns out that some of it was taken back
 * Errors: `RedisUnavailableError`.
 */
export async function readJobText<T extends { take(text: string): void }>(
  readLog: ReadLog,
  { tenant, jobId }: { tenant: string; jobId: string },
  begin: () => T,
): Promise<JobText<T> | undefined> {
  /** What is taken back is known only behind it. */
  async function read(known: readonly Discard[], text: T) {
    const discards: Discard[] = [];
    let terminal: TerminalEvent | undefined;
    for (let seq = 0; ; ) {
      const page = await readLog.range(tenant, jobId, { ...PAGE, afterSeq: seq });
      if (page === undefined) return undefined;
      if (page.batches.length === 0) {
        if (terminal === undefined) return { fault: 'it does not end with a terminal event' };
        if (terminal.type !== page.status) {
          return { fault: `it ends as ${terminal.type}, and the record says ${page.status}` };
        }
        return { text, terminal, discards };
      }
      for (const json of page.batches.flatMap(eventTexts)) {
        seq += 1;
        const event = parseEvent(json);
        if (event?.jobId !== jobId || event.seq !== seq) return { fault: `event ${seq} is not in its place` };
        if (terminal !== undefined) return { fault: `event ${seq} comes after the terminal event` };
        if (isTerminalEvent(event)) terminal = event;
        else if (event.type === 'reset') discards.push({ from: event.discardFromSeq, to: seq });
        else if (event.type === 'output' && !known.some(({ from, to }) => seq >= from && seq < to))
          text.take(event.text);
      }
    }
  }

  const first = await read([], begin());
  if (first === undefined || 'fault' in first || first.discards.length === 0) return first;
  return read(first.discards, begin());
}

function parseEvent(json: string): JobEvent | undefined {
  try {
    return JSON.parse(json) as JobEvent;
  } catch {
    // Nothing of ours writes such an event.
    return undefined;
  }
}
