/** Metrics in Prometheus' text format; the only library to import prom-client. */
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Histogram,
  type MetricDescription,
  type Metrics,
  showGauge,
} from './metrics.ts';
export { watchRedis, watchScripts } from './redis-metrics.ts';
