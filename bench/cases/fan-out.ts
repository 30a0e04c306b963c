/** F: one job, a thousand listeners, against a server that sends each chunk to everybody without knowing who missed what. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';

type Result = Comparison<'bare' | 'product', 'fanOut'>;

const RATE = 50;

const SIZES = {
  full: { listeners: 1_000, chunks: 200, warmUp: 50, delayMs: 3_000 },
  smoke: { listeners: 5, chunks: 5, warmUp: 1, delayMs: 500 },
};

export const fanOut = defineCase<Result>({
  name: 'F',
  title: 'fan-out: one job of 50 chunks a second, 1,000 listeners',
  goals: [
    atMost(
      1.1,
      '× bare',
      'CPU of the gateway per event delivered, one by one',
      ({ product, bare }) => product.cpuPerItemUs.gateway! / bare.cpuPerItemUs.bridge!,
    ),
  ],
  measure(bench) {
    const { listeners, chunks, warmUp, delayMs } = bench.size(SIZES);
    const plan = (count: number) => ({ listeners, script: { chunks: count, size: 50, rate: RATE, delayMs } });
    return bench.compare(['bare', 'product'], {
      label: 'fan-out',
      task: 'fanOut',
      plan: plan(chunks),
      warmUp: plan(warmUp),
      steady: 'latencyP50Ms',
    });
  },
  show: (result) => [
    {
      title: 'per event and listener',
      columns: ['µs of CPU, server', 'of the rounds', 'all', 'p50 ms', 'p99 ms', 'max ms', 'attach all ms'],
      rows: systemRows(result, ({ median, rounds, cpuPerItemUs }) => {
        const server = 'gateway' in cpuPerItemUs ? 'gateway' : 'bridge';
        return [
          figure(cpuPerItemUs[server], 2),
          range(
            rounds.map(({ cpuUs, figures }) => (cpuUs[server] ?? Number.NaN) / figures.items),
            2,
          ),
          figure(cpuPerItemUs.all, 2),
          figure(median.latencyP50Ms, 1),
          figure(median.latencyP99Ms, 1),
          figure(median.latencyMaxMs, 1),
          figure(median.attachMs),
        ];
      }),
    },
  ],
});
