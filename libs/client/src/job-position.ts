/**
 * Where an attachment stands in a job's log. Invariant: events are handed on in the order 1, 2, 3 … without a
 * hole; anything else is a duplicate (dropped) or a gap (read again). Pure state; times are in ms.
 */
type Arrival = 'next' | 'duplicate' | 'gap';

export type JobPosition = {
  readonly lastSeq: number;
  arrive(seq: number): Arrival;
  /** A heartbeat says that the log ends at `seq`. Returns whether we are behind it. */
  hear(seq: number, now: number): boolean;
  /** 'lost': we are behind what was heard, and nothing has arrived for `graceMs`. */
  tail(now: number, graceMs: number): 'complete' | 'coming' | 'lost';
};

export function createJobPosition(afterSeq: number): JobPosition {
  let lastSeq = afterSeq;
  let heardSeq = 0;
  let quietSince: number | undefined;
  return {
    get lastSeq() {
      return lastSeq;
    },
    arrive(seq) {
      if (seq <= lastSeq) return 'duplicate';
      if (seq > lastSeq + 1) return 'gap';
      lastSeq = seq;
      quietSince = undefined;
      return 'next';
    },
    hear(seq, now) {
      heardSeq = Math.max(heardSeq, seq);
      if (heardSeq <= lastSeq) return false;
      quietSince ??= now;
      return true;
    },
    tail(now, graceMs) {
      if (heardSeq <= lastSeq) return 'complete';
      // Unset when something arrived since we last looked: events flow, so the silence counts from now on.
      quietSince ??= now;
      return now - quietSince >= graceMs ? 'lost' : 'coming';
    },
  };
}
