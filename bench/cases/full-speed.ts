/** A: what goes through when nothing holds it back, in long jobs and in short ones. */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atLeast, atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import type { SystemName } from '../systems/system.ts';
import { figure, type Table } from '../table.ts';

const GUARANTEEING = ['socket.io', 'resumable-stream'] as const satisfies SystemName[];
const DIRECT = ['naive', 'corked', 'product', 'batches'] as const satisfies SystemName[];

type Long = Comparison<(typeof DIRECT)[number], 'runJobs'>;
type Short = Comparison<(typeof DIRECT)[number] | (typeof GUARANTEEING)[number], 'runJobs'>;
type Result = { long: Long; short: Short };

const SIZES = {
  full: { connections: 50, long: { chunks: 2_000, jobs: 50 }, short: { chunks: 200, jobs: 300 } },
  smoke: { connections: 2, long: { chunks: 20, jobs: 2 }, short: { chunks: 5, jobs: 4 } },
};

async function measure(bench: Bench): Promise<Result> {
  const { connections, long, short } = bench.size(SIZES);
  const task = ({ chunks, jobs }: { chunks: number; jobs: number }) => ({
    label: `${chunks} chunks a job`,
    task: 'runJobs' as const,
    plan: { connections, jobs, script: { chunks, size: 50, rate: 0 } },
    steady: 'chunksPerSecond' as const,
  });
  return {
    short: await bench.compare([...DIRECT, ...GUARANTEEING], task(short)),
    long: await bench.compare(DIRECT, task(long)),
  };
}

function show(title: string, comparison: Comparison<SystemName, 'runJobs'> | Long): Table {
  return {
    title,
    columns: [
      'chunks/s',
      'least',
      'most',
      'µs of CPU a chunk',
      'gateway',
      'worker',
      'redis',
      'p50 ms',
      'p99 ms',
    ],
    rows: Object.entries(comparison).map(([system, { median, cpuPerItemUs, rounds }]) => {
      const speeds = rounds.map(({ figures }) => figures.chunksPerSecond);
      return [
        system,
        ...[median.chunksPerSecond, Math.min(...speeds), Math.max(...speeds)].map((speed) => figure(speed)),
        ...['all', 'gateway', 'worker', 'redis'].map((name) => figure(cpuPerItemUs[name], 2)),
        figure(median.latencyP50Ms, 1),
        figure(median.latencyP99Ms, 1),
      ];
    }),
  };
}

export const fullSpeed = defineCase<Result>({
  name: 'A',
  title: 'full speed: 50 jobs at a time, chunks of 50 bytes',
  goals: [
    atLeast(
      1.3,
      '× naive',
      'chunks a second, 2,000 a job',
      ({ long: { product, naive } }) => product.median.chunksPerSecond / naive.median.chunksPerSecond,
    ),
    atLeast(
      0.85,
      '× corked',
      'chunks a second, 2,000 a job',
      ({ long: { product, corked } }) => product.median.chunksPerSecond / corked.median.chunksPerSecond,
    ),
    atMost(4, 'µs', 'CPU per chunk, 2,000 a job', ({ long: { product } }) => product.cpuPerItemUs.all),
    atLeast(
      1,
      '× naive',
      'chunks a second, 200 a job',
      ({ short: { product, naive } }) => product.median.chunksPerSecond / naive.median.chunksPerSecond,
    ),
    atMost(8, 'µs', 'CPU per chunk, 200 a job', ({ short: { product } }) => product.cpuPerItemUs.all),
  ],
  measure,
  show: ({ short, long }) => [show('200 chunks a job', short), show('2,000 chunks a job', long)],
});
