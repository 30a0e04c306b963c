/** Q: how long an accepted job waits for a worker that has a slot, as queues publish it: at a steady rate, one queue. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';

const PER_SECOND = 100;

type Result = Comparison<'product', 'openLoop'>;

const SIZES = { full: { jobs: 500, warmUpJobs: 200 }, smoke: { jobs: 5, warmUpJobs: 2 } };

export const pickUp = defineCase<Result>({
  name: 'Q',
  title: 'queue pick-up: 100 jobs a second, of one chunk',
  goals: [
    atMost(
      3,
      'ms',
      'from acceptance to the call of upstream, p50',
      ({ product }) => product.median.pickedUpP50Ms,
    ),
    atMost(
      20,
      'ms',
      'from acceptance to the call of upstream, p99',
      ({ product }) => product.median.pickedUpP99Ms,
    ),
  ],
  measure(bench) {
    const { jobs, warmUpJobs } = bench.size(SIZES);
    const plan = (count: number) => ({
      perSecond: PER_SECOND,
      jobs: count,
      script: { chunks: 1, size: 50, rate: 0 },
    });
    return bench.compare(['product'], {
      label: 'pick-up',
      task: 'openLoop',
      plan: plan(jobs),
      warmUp: plan(warmUpJobs),
      steady: 'pickedUpP50Ms',
    });
  },
  show: (result) => [
    {
      title: 'from execute to its answer, from there to the call of upstream, and both',
      columns: [
        'accepted p50 ms',
        'p99 ms',
        'picked up p50 ms',
        'of the rounds',
        'p99 ms',
        'both p50 ms',
        'p99 ms',
      ],
      rows: systemRows(result, ({ median, rounds }) => [
        figure(median.acceptedP50Ms, 2),
        figure(median.acceptedP99Ms, 1),
        figure(median.pickedUpP50Ms, 2),
        range(
          rounds.map(({ figures }) => figures.pickedUpP50Ms),
          2,
        ),
        figure(median.pickedUpP99Ms, 1),
        figure(median.begunP50Ms, 2),
        figure(median.begunP99Ms, 1),
      ]),
    },
  ],
});
