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

/** There are events up to this seq. */
export function learnSeq(cursor: Cursor, lastSeq: number): Cursor {
  return lastSeq <= cursor.known ? cursor : { position: cursor.position, known: lastSeq };
}

/** Offers the events from `firstSeq` to `lastSeq`: they are to be given out from `from` on, or not at all. */
export function offerBatch(
  cursor: Cursor,
  firstSeq: number,
  lastSeq: number,
): { cursor: Cursor; from: number | undefined } {
  const from = cursor.position + 1;
  if (firstSeq > from || lastSeq < from) return { cursor: learnSeq(cursor, lastSeq), from: undefined };
  return { cursor: { position: lastSeq, known: Math.max(cursor.known, lastSeq) }, from };
}

/** Events are known to exist that were not given out. */
export function hasGap(cursor: Cursor): boolean {
  return cursor.known > cursor.position;
}
