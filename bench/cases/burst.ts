/** D: everybody at once. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';

const SYSTEMS = ['naive', 'corked', 'product'] as const;
const CHUNKS = 20;

type Result = Comparison<(typeof SYSTEMS)[number], 'runJobs'>;

const SIZES = {
  full: { connections: 500, warmUpJobs: 1_000 },
  smoke: { connections: 5, warmUpJobs: 5 },
};

/** Short ones, so that there can be more. */
const ROUNDS = 5;

export const burst = defineCase<Result>({
  name: 'D',
  title: 'burst: 500 jobs of 20 chunks at once, each on a connection of its own',
  goals: [
    atMost(
      2,
      '× naive',
      'first chunk, p50',
      ({ product, naive }) => product.median.firstP50Ms / naive.median.firstP50Ms,
    ),
    atMost(
      1.5,
      '× naive',
      'until all have ended',
      ({ product, naive }) => product.median.elapsedMs / naive.median.elapsedMs,
    ),
  ],
  measure(bench) {
    const { connections, warmUpJobs } = bench.size(SIZES);
    const script = { chunks: CHUNKS, size: 50, rate: 0 };
    return bench.compare(SYSTEMS, {
      label: 'burst',
      task: 'runJobs',
      plan: { connections, jobs: connections, script },
      warmUp: { connections, jobs: warmUpJobs, script },
      steady: 'elapsedMs',
      rounds: Math.max(ROUNDS, bench.rounds),
    });
  },
  show: (result) => [
    {
      title: 'time to the first chunk, and until all jobs have ended',
      columns: [
        'first p50 ms',
        'p99 ms',
        'all ms',
        'of the rounds',
        'µs of CPU a job',
        'gateway',
        'worker',
        'redis',
      ],
      rows: systemRows(result, ({ median, rounds, cpuPerItemUs }) => [
        figure(median.firstP50Ms),
        figure(median.firstP99Ms),
        figure(median.elapsedMs),
        range(rounds.map(({ figures }) => figures.elapsedMs)),
        ...['all', 'gateway', 'worker', 'redis'].map((name) =>
          figure((cpuPerItemUs[name] ?? Number.NaN) * CHUNKS),
        ),
      ]),
    },
  ],
});
