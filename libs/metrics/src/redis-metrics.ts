/** Whether Redis answers this process, and how fast: a ping is asked at each scrape, our scripts are measured as they run. */
import { type Metrics, showGauge } from './metrics.ts';

/**
 * Registers the metrics of a connection.
 *
 * @param ping resolves when Redis has answered
 */
export function watchRedis(metrics: Metrics, ping: () => Promise<unknown>): void {
  const up = metrics.gauge({
    name: 'cc_executor_redis_up',
    help: '1 when Redis answered this process during the scrape, 0 when it did not within half a second.',
  });
  const latency = metrics.gauge({
    name: 'cc_executor_redis_ping_seconds',
    help: 'How long that answer took; absent without one.',
  });
  metrics.atScrape(
    async () => {
      const askedAt = performance.now();
      await ping();
      return (performance.now() - askedAt) / 1_000;
    },
    (seconds) => {
      up.set(seconds === undefined ? 0 : 1);
      showGauge(latency, seconds);
    },
  );
}

const SCRIPT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Registers how long our scripts take; gives whom to tell of each by its name, in seconds. */
export function watchScripts(metrics: Metrics): (script: string) => (seconds: number) => void {
  const histogram = metrics.histogram({
    name: 'cc_executor_redis_script_seconds',
    help: 'How long Redis took to answer a script of ours, with the way there and back; of those that it answered.',
    labels: ['script'],
    buckets: SCRIPT_SECONDS,
  });
  return (script) => {
    const labelled = histogram.labels({ script });
    return (seconds) => labelled.observe(seconds);
  };
}
