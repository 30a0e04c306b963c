import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCursor, hasGap, learnSeq, offerBatch } from '../src/cursor.ts';
import { seqRange } from './recorder.ts';

type Run = { firstSeq: number; lastSeq: number; empty: boolean };

/** Runs of a log of `length` events in any order: dropped, duplicated, overlapping, too large to carry events. */
const histories = fc.integer({ min: 1, max: 40 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    afterSeq: fc.integer({ min: 0, max: length }),
    runs: fc.array(
      fc
        .tuple(
          fc.integer({ min: 1, max: length }),
          fc.integer({ min: 1, max: length }),
          fc.integer({ min: 0, max: 9 }),
        )
        .map(
          ([a, b, empty]): Run => ({
            firstSeq: Math.min(a, b),
            lastSeq: Math.max(a, b),
            empty: empty === 0,
          }),
        ),
      { maxLength: 60 },
    ),
  }),
);

describe('the cursor', () => {
  it('gives every event once and in order, whatever comes, and knows what is missing', () => {
    fc.assert(
      fc.property(histories, ({ length, afterSeq, runs }) => {
        let cursor = createCursor(afterSeq);
        const given: number[] = [];
        let highest = afterSeq;
        const offer = (firstSeq: number, lastSeq: number, empty = false) => {
          const before = cursor.position;
          let from: number | undefined;
          if (empty) cursor = learnSeq(cursor, lastSeq);
          else ({ cursor, from } = offerBatch(cursor, firstSeq, lastSeq));
          const fresh = from === undefined ? [] : seqRange(from, lastSeq);
          expect(cursor.position).toBe(before + fresh.length);
          given.push(...fresh);
          highest = Math.max(highest, lastSeq);
          expect(given).toEqual(seqRange(afterSeq + 1, cursor.position));
          expect(cursor.known).toBe(highest);
          expect(hasGap(cursor)).toBe(cursor.position < highest);
        };
        for (const { firstSeq, lastSeq, empty } of runs) offer(firstSeq, lastSeq, empty);
        // Pages read from the log, of three events each: whatever was lost before, nothing is missing after them.
        cursor = learnSeq(cursor, length);
        highest = length;
        for (let page = 0; page <= length && (page === 0 || hasGap(cursor)); page += 1) {
          const from = cursor.position + 1;
          if (from <= length) offer(from, Math.min(from + 2, length));
        }
        expect(cursor).toEqual({ position: length, known: length });
        expect(given).toEqual(seqRange(afterSeq + 1, length));
      }),
      { numRuns: 500 },
    );
  });
});
