/** C: an idle system that is asked for one small job after another: how long until the first chunk. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';

const SYSTEMS = ['naive', 'product', 'socket.io', 'resumable-stream'] as const;

type Result = Comparison<(typeof SYSTEMS)[number], 'runJobs'>;

const SIZES = {
  full: { jobs: 50, warmUpJobs: 2_000 },
  smoke: { jobs: 3, warmUpJobs: 4 },
};

/** Short ones, so that there can be more. */
const ROUNDS = 5;

export const firstChunk = defineCase<Result>({
  name: 'C',
  title: 'idle: from execute to the first chunk, one job after another',
  goals: [
    atMost(
      1.5,
      'ms more than naive',
      'first chunk, p50',
      ({ product, naive }) => product.median.firstP50Ms - naive.median.firstP50Ms,
    ),
    atMost(
      3,
      'ms more than naive',
      'first chunk, p95',
      ({ product, naive }) => product.median.firstP95Ms - naive.median.firstP95Ms,
    ),
  ],
  measure(bench) {
    const { jobs, warmUpJobs } = bench.size(SIZES);
    const script = { chunks: 3, size: 50, rate: 0 };
    return bench.compare(SYSTEMS, {
      label: 'idle',
      task: 'runJobs',
      plan: { connections: 1, jobs, script },
      warmUp: { connections: 4, jobs: warmUpJobs, script },
      steady: 'firstP50Ms',
      rounds: Math.max(ROUNDS, bench.rounds),
    });
  },
  show: (result) => [
    {
      title: 'time to the first chunk',
      columns: ['p50 ms', 'of the rounds', 'p95 ms', 'whole job ms'],
      rows: systemRows(result, ({ median, rounds }) => [
        figure(median.firstP50Ms, 2),
        range(
          rounds.map(({ figures }) => figures.firstP50Ms),
          2,
        ),
        figure(median.firstP95Ms, 2),
        figure(1_000 / median.jobsPerSecond, 2),
      ]),
    },
  ],
});
