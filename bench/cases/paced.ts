/** B: many jobs that come as a model writes them: how late a chunk is, and what it costs. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';

const SYSTEMS = ['naive', 'corked', 'product'] as const;

type Result = Comparison<(typeof SYSTEMS)[number], 'runJobs'>;

const SIZES = {
  full: { jobs: 200, chunks: 200, warmUp: 50 },
  smoke: { jobs: 2, chunks: 5, warmUp: 1 },
};

export const paced = defineCase<Result>({
  name: 'B',
  title: 'paced: 200 jobs, each 50 chunks a second of 50 bytes',
  goals: [
    atMost(
      0.8,
      'ms more than naive',
      'latency of a chunk, p50',
      ({ product, naive }) => product.median.latencyP50Ms - naive.median.latencyP50Ms,
    ),
    atMost(
      3,
      '× naive',
      'latency of a chunk, p99',
      ({ product, naive }) => product.median.latencyP99Ms / naive.median.latencyP99Ms,
    ),
    atMost(
      1.5,
      '× naive',
      'CPU per chunk',
      ({ product, naive }) => product.cpuPerItemUs.all / naive.cpuPerItemUs.all,
    ),
  ],
  measure(bench) {
    const { jobs, chunks, warmUp } = bench.size(SIZES);
    const plan = (count: number) => ({
      connections: jobs,
      jobs,
      script: { chunks: count, size: 50, rate: 50 },
    });
    return bench.compare(SYSTEMS, {
      label: 'paced',
      task: 'runJobs',
      plan: plan(chunks),
      warmUp: plan(warmUp),
      steady: 'latencyP50Ms',
    });
  },
  show: (result) => [
    {
      title: 'latency from the upstream to the client',
      columns: [
        'p50 ms',
        'p99 ms',
        'of the rounds',
        'max ms',
        'µs of CPU a chunk',
        'gateway',
        'worker',
        'redis',
      ],
      rows: systemRows(result, ({ median, rounds, cpuPerItemUs }) => [
        figure(median.latencyP50Ms, 2),
        figure(median.latencyP99Ms, 1),
        range(
          rounds.map(({ figures }) => figures.latencyP99Ms),
          1,
        ),
        figure(median.latencyMaxMs, 1),
        ...['all', 'gateway', 'worker', 'redis'].map((name) => figure(cpuPerItemUs[name], 1)),
      ]),
    },
  ],
});
