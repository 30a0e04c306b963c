/**
 * The metrics of one process, and the text of GET /metrics. Counters are bumped where something happens, per
 * request, batch or job, never per chunk; what can be read when it is asked for is read at the scrape, within a time
 * limit, so that a scrape tells of an outage instead of waiting for its end.
 */
import { within } from '@cc-executor/runtime';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

type Definition<L extends string> = {
  /** Begins with `cc_executor_` and ends in its base unit, counters in `_total`. */
  name: string;
  help: string;
  labels?: readonly L[];
};

export type MetricDescription = { name: string; type: string; labels: readonly string[]; help: string };

export type Metrics = {
  counter<L extends string = never>(definition: Definition<L>): Counter<L>;
  /** With `read`, its value is taken at each scrape. */
  gauge<L extends string = never>(definition: Definition<L> & { read?: () => number }): Gauge<L>;
  histogram<L extends string = never>(
    definition: Definition<L> & { buckets: readonly number[] },
  ): Histogram<L>;
  /**
   * Reads something at each scrape and shows it. `show` gets undefined when reading failed or took longer than the
   * limit; a read that still hangs is not started a second time.
   */
  atScrape<T>(read: () => Promise<T>, show: (value: T | undefined) => void): void;
  /** Everything as text. Never rejects for what `atScrape` reads. */
  scrape(): Promise<{ contentType: string; body: string }>;
  /** Whether they are shown. */
  isOn: boolean;
  /** Our own metrics, in the order in which they were made; not those of the process and the runtime. */
  describe(): MetricDescription[];
};

/**
 * Makes the metrics of a process.
 *
 * @param options.isOn when false the process itself is not observed, and nothing is to be shown
 * @param options.readLimitMs how long `atScrape` may take
 */
export function createMetrics(options: {
  role: string;
  version: string;
  isOn: boolean;
  readLimitMs?: number;
}): Metrics {
  const { role, version, isOn, readLimitMs = 500 } = options;
  const registry = new Registry();
  const own: MetricDescription[] = [];
  const readers: (() => Promise<void>)[] = [];
  if (isOn) collectDefaultMetrics({ register: registry });

  function common<L extends string>(type: string, { name, help, labels = [] }: Definition<L>) {
    own.push({ name, type, labels, help });
    return { name, help, labelNames: [...labels], registers: [registry] };
  }

  const self: Metrics = {
    isOn,
    counter: (definition) => new Counter(common('counter', definition)),
    gauge({ read, ...definition }) {
      const collect = read && { collect: () => gauge.set(read()) };
      const gauge: Gauge = new Gauge({ ...common('gauge', definition), ...collect });
      return gauge;
    },
    histogram: ({ buckets, ...definition }) =>
      new Histogram({ ...common('histogram', definition), buckets: [...buckets] }),

    atScrape(read, show) {
      let pending: ReturnType<typeof read> | undefined;
      readers.push(async () => {
        pending ??= read().finally(() => {
          pending = undefined;
        });
        // What cannot be read is not shown; the service's own log says why.
        show(await within(pending, readLimitMs).catch(() => undefined));
      });
    },

    async scrape() {
      await Promise.all(readers.map((read) => read()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },

    describe: () => [...own],
  };

  self
    .gauge({
      name: 'cc_executor_build_info',
      help: 'Always 1; its labels say what runs here.',
      labels: ['version', 'role'],
    })
    .set({ version, role }, 1);
  return self;
}

/** Shows a value, or nothing at all where there is none: an old value would pass for a new one. */
export function showGauge(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
