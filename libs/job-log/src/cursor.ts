/**
 * Merges what is replayed from the log with what is published live, by seq: every event comes once and in order.
 * Pure: no I/O. What is missing is reported as a gap, to be read from the log; nothing is ever skipped.
 */

export type Cursor = {
  /** Seq of the last event given out. */
  readonly position: number;
  /** Highest seq known to exist. */
  readonly known: number;
};

export function createCursor(afterSeq: number): Cursor {
  return { position: afterSeq, known: afterSeq };
}

/**
 * Offers a run of events that begins at `firstSeq` and ends at `lastSeq`. `events` may be shorter than that (a
 * publication that was too large carries none): then the rest is known to exist, and is a gap.
 */
export function offerRun(
  cursor: Cursor,
  firstSeq: number,
  lastSeq: number,
  events: string[],
): { cursor: Cursor; deliver: string[] } {
  const known = Math.max(cursor.known, lastSeq);
  if (firstSeq > cursor.position + 1) return { cursor: { position: cursor.position, known }, deliver: [] };
  const seen = cursor.position + 1 - firstSeq;
  // The array itself where nothing was seen before: its listeners can tell that it is the same.
  const deliver = seen === 0 ? events : events.slice(seen);
  return { cursor: { position: cursor.position + deliver.length, known }, deliver };
}

/** Events are known to exist that were not given out. */
export function hasGap(cursor: Cursor): boolean {
  return cursor.known > cursor.position;
}
