/** E: what a job costs that hardly says anything. */
import { defineCase } from '../case.ts';
import { atLeast, atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows, type Table } from '../table.ts';

const DIRECT = ['naive', 'corked', 'product'] as const;
const SYSTEMS = [...DIRECT, 'socket.io', 'resumable-stream'] as const;
const CHUNKS = 20;

type Result = {
  twenty: Comparison<(typeof SYSTEMS)[number], 'runJobs'>;
  one: Comparison<(typeof DIRECT)[number], 'runJobs'>;
};

const SIZES = {
  full: { connections: 64, jobs: 3_000, warmUpJobs: 1_000 },
  smoke: { connections: 4, jobs: 8, warmUpJobs: 4 },
};

function show(title: string, chunks: number, comparison: Result['twenty'] | Result['one']): Table {
  return {
    title,
    columns: ['jobs/s', 'of the rounds', 'µs of CPU a job', 'gateway', 'worker', 'redis', 'bridge'],
    rows: systemRows(comparison, ({ median, rounds, cpuPerItemUs }) => [
      figure(median.jobsPerSecond),
      range(rounds.map(({ figures }) => figures.jobsPerSecond)),
      ...['all', 'gateway', 'worker', 'redis', 'bridge'].map((name) =>
        figure((cpuPerItemUs[name] ?? Number.NaN) * chunks),
      ),
    ]),
  };
}

export const tinyJobs = defineCase<Result>({
  name: 'E',
  title: 'tiny jobs: 64 at a time, one after another',
  goals: [
    atLeast(
      0.5,
      '× naive',
      'jobs a second, 20 chunks each',
      ({ twenty: { product, naive } }) => product.median.jobsPerSecond / naive.median.jobsPerSecond,
    ),
    atMost(
      600,
      'µs',
      'CPU per job, 20 chunks each',
      ({ twenty: { product } }) => product.cpuPerItemUs.all * CHUNKS,
    ),
    atLeast(
      2_500,
      'jobs/s',
      'jobs a second, 1 chunk each',
      ({ one: { product } }) => product.median.jobsPerSecond,
    ),
  ],
  async measure(bench) {
    const { connections, jobs, warmUpJobs } = bench.size(SIZES);
    const task = (chunks: number) => {
      const script = { chunks, size: 50, rate: 0 };
      return {
        label: `${chunks} chunks a job`,
        task: 'runJobs' as const,
        plan: { connections, jobs, script },
        warmUp: { connections, jobs: warmUpJobs, script },
        steady: 'jobsPerSecond' as const,
      };
    };
    return { twenty: await bench.compare(SYSTEMS, task(CHUNKS)), one: await bench.compare(DIRECT, task(1)) };
  },
  show: ({ twenty, one }) => [show('20 chunks a job', CHUNKS, twenty), show('1 chunk a job', 1, one)],
});
