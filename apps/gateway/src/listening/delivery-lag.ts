/**
 * How long events take from the log to those who listen. Their time is Redis's, so this gateway's clock is compared with
 * that at each scrape; until then nothing is measured. What stood in the log before somebody attached tells nothing.
 */
import type { StoredBatch } from '@cc-executor/job-log';
import type { Histogram, Metrics } from '@cc-executor/metrics';

export type DeliveryLag = {
  /** For one who attaches now: called with what has been written to them. */
  begin(): (batch: Pick<StoredBatch, 'time'>) => void;
};

/** @param options.measureClock how far Redis's clock is ahead of ours, in ms; undefined where that cannot be known */
export function createDeliveryLag({
  metrics,
  lag,
  measureClock,
  now = Date.now,
}: {
  metrics: Pick<Metrics, 'atScrape'>;
  lag: Pick<Histogram, 'observe'>;
  measureClock: () => Promise<number | undefined>;
  now?: () => number;
}): DeliveryLag {
  let aheadMs: number | undefined;
  /** Those who stand at the same place are written the same batch: the first of them is measured. */
  let last: unknown;
  metrics.atScrape(measureClock, (ahead) => {
    aheadMs = ahead ?? aheadMs;
  });
  return {
    begin() {
      const attachedAt = now();
      return (batch) => {
        if (batch === last || aheadMs === undefined || batch.time < attachedAt + aheadMs) return;
        last = batch;
        lag.observe(Math.max(0, now() + aheadMs - batch.time) / 1_000);
      };
    },
  };
}
