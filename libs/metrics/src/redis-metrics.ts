/** Whether Redis answers this process, and how fast: asked at each scrape. */
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
