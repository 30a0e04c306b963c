/**
 * Says when the writers of a worker write, so that what several jobs put out in the same moment goes to Redis in one piece.
 * An idle worker does not wait: its window closes behind the input that is being read. The more writers it lets through
 * at once, the longer the next window stays open, up to a bound that nobody notices.
 */

export type FlushWindow = {
  /** Resolves when whoever wants to write may do so; what is added until then goes along. */
  closes(): Promise<void>;
};

/** How much longer a window stays open for each writer that the last one let through, in ms, and at most. */
const PER_WRITER_MS = 0.1;
const MAX_MS = 2;

export function createFlushWindow(now: () => number = () => performance.now()): FlushWindow {
  let waiting: (() => void)[] = [];
  let closesAt = 0;

  function close(): void {
    const through = waiting;
    waiting = [];
    closesAt = now() + Math.min(through.length * PER_WRITER_MS, MAX_MS);
    for (const write of through) write();
  }

  function closeSoon(): void {
    const leftMs = closesAt - now();
    // A timer is no more precise.
    if (leftMs < 1) setImmediate(close);
    else setTimeout(close, leftMs);
  }

  return {
    closes: () =>
      new Promise((resolve) => {
        if (waiting.length === 0) closeSoon();
        waiting.push(resolve);
      }),
  };
}
