/**
 * Events that were appended in one step, as the log holds them and as they are published: their bodies, one a line, and
 * once what all of them have in their heads. Nobody parses them on the way to a client; whoever makes frames of them
 * adds the heads.
 */

/** `bodies` are JSON objects in UTF-8, separated by a line feed, which JSON holds only escaped. */
export type StoredBatch = {
  jobId: string;
  epoch: string;
  firstSeq: number;
  lastSeq: number;
  attempt: number;
  /** Unix time in ms, of Redis. */
  time: number;
  bodies: Buffer;
};

const LINE_FEED = 10;

/** Reads 'firstSeq attempt time', as the log holds it before the bodies; undefined when it is none. */
export function parseHead(head: string): { firstSeq: number; attempt: number; time: number } | undefined {
  const [firstSeq, attempt, time] = head.split(' ').map(Number);
  if (firstSeq === undefined || attempt === undefined || time === undefined) return undefined;
  return { firstSeq, attempt, time };
}

/** The batch from this event on, which stands in it: itself when that is its first one. */
export function cutBefore(batch: StoredBatch, firstSeq: number): StoredBatch {
  if (firstSeq === batch.firstSeq) return batch;
  let from = 0;
  for (let seq = batch.firstSeq; seq < firstSeq; seq += 1) {
    from = batch.bodies.indexOf(LINE_FEED, from) + 1;
  }
  return { ...batch, firstSeq, bodies: batch.bodies.subarray(from) };
}

/** Whether it holds as many bodies as it says. */
export function isWhole({ firstSeq, lastSeq, bodies }: StoredBatch): boolean {
  let count = 1;
  for (let at = bodies.indexOf(LINE_FEED); at !== -1; at = bodies.indexOf(LINE_FEED, at + 1)) count += 1;
  return count === lastSeq - firstSeq + 1;
}
