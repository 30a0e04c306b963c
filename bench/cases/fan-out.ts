/** F: one job, a thousand listeners, against a server that sends each chunk to everybody without knowing who missed what. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { type Summary, summarize } from '../measure/summary.ts';
import { figure, range, systemRows } from '../table.ts';

type Result = Comparison<'bare' | 'product' | 'batches', 'fanOut'>;

const RATE = 50;

const SIZES = {
  full: { listeners: 1_000, chunks: 150, warmUp: 50, delayMs: 2_000 },
  smoke: { listeners: 5, chunks: 5, warmUp: 1, delayMs: 500 },
};

function serverUs({ cpuPerItemUs: { gateway, bridge } }: Summary<'fanOut'>): number {
  return gateway ?? bridge ?? Number.NaN;
}

export const fanOut = defineCase<Result>({
  name: 'F',
  title: 'fan-out: one job of 50 chunks a second, 1,000 listeners',
  goals: [
    atMost(
      0.8,
      '× bare',
      'CPU of the gateway per event delivered, in batches',
      ({ batches, bare }) => serverUs(batches) / serverUs(bare),
    ),
    atMost(
      1.1,
      '× bare',
      'CPU of the gateway per event delivered, one by one',
      ({ product, bare }) => serverUs(product) / serverUs(bare),
    ),
  ],
  measure(bench) {
    const { listeners, chunks, warmUp, delayMs } = bench.size(SIZES);
    const plan = (count: number) => ({ listeners, script: { chunks: count, size: 50, rate: RATE, delayMs } });
    return bench.compare(['bare', 'product', 'batches'], {
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
      rows: systemRows(result, (summary) => [
        figure(serverUs(summary), 2),
        range(
          summary.rounds.map((round) => serverUs(summarize([round]))),
          2,
        ),
        figure(summary.cpuPerItemUs.all, 2),
        figure(summary.median.latencyP50Ms, 1),
        figure(summary.median.latencyP99Ms, 1),
        figure(summary.median.latencyMaxMs, 1),
        figure(summary.median.attachMs),
      ]),
    },
  ],
});
