/**
 * I: ten times as many chunks, jobs at once, and jobs that have ended: none of it may make a chunk dearer, or the loss of a
 * worker be noticed later.
 */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import { type Summary, summarize } from '../measure/summary.ts';
import type { Product } from '../systems/product.ts';
import { figure } from '../table.ts';

type Jobs = Summary<'runJobs'>;
type Result = {
  /** 20 jobs of 2,000 chunks; ten times as many chunks; the same with many ended jobs. */
  few: Jobs;
  longer: Jobs;
  fewLater: Jobs;
  /** 50 jobs of 200 chunks; ten times as many jobs at once; the same with many ended jobs. */
  short: Jobs;
  more: Jobs;
  shortLater: Jobs;
  /** While the ended jobs were made. */
  filledPerSecond: number;
  /** From a worker's death to the end of its job. */
  lostWorkerMs: number;
};

const LEASE_MS = 5_000;
const SWEEP_MS = 1_000;
/** A lease from its last renewal, at most; two rounds of the sweeper; and what a busy machine takes. */
const LOST_AFTER_MS = LEASE_MS + 2 * SWEEP_MS;
const FLAT = 1.15;

const SIZES = {
  full: { few: 20, long: 2_000, short: 200, many: 50, ended: 100_000, connections: 200, leaseMs: LEASE_MS },
  smoke: { few: 1, long: 10, short: 5, many: 2, ended: 10, connections: 5, leaseMs: 1_000 },
};

const ratio = (later: Jobs, before: Jobs) => later.cpuPerItemUs.all / before.cpuPerItemUs.all;

async function measureGrowth(bench: Bench, product: Product): Promise<Result> {
  const { few, long, short, many, ended, connections } = bench.size(SIZES);
  const once = (jobs: number, chunks: number, atOnce = jobs) =>
    bench.measure(product, 'runJobs', { connections: atOnce, jobs, script: { chunks, size: 50, rate: 0 } });
  const cost = async (jobs: number, chunks: number, atOnce = jobs) => {
    const rounds = [];
    for (let i = 0; i < bench.rounds; i += 1) rounds.push(await once(jobs, chunks, atOnce));
    return summarize(rounds);
  };
  await once(few, long);
  const before = {
    few: await cost(few, long),
    longer: await cost(few, 10 * long),
    short: await cost(4 * many, short, many),
    more: await cost(10 * many, short),
  };
  const filling = await once(ended, 1, connections);
  const after = { fewLater: await cost(few, long), shortLater: await cost(4 * many, short, many) };
  const script = { chunks: 1_000, size: 50, rate: 10 };
  const lost = await bench.client.run('awaitEnd', { targets: product.targets, script }, (mark) => {
    if (mark === 'start') product.killWorker();
  });
  for (const fault of lost.faults) bench.fault(fault);
  return {
    ...before,
    ...after,
    filledPerSecond: filling.figures.jobsPerSecond,
    lostWorkerMs: lost.figures.elapsedMs,
  };
}

export const growth = defineCase<Result>({
  name: 'I',
  title: 'growth: ten times the chunks, ten times the jobs, 100,000 ended jobs',
  goals: [
    atMost(FLAT, '× before', 'CPU per chunk, jobs ten times as long', ({ few, longer }) =>
      ratio(longer, few),
    ),
    atMost(FLAT, '× before', 'CPU per chunk, ten times as many jobs at once', ({ short, more }) =>
      ratio(more, short),
    ),
    atMost(FLAT, '× before', 'CPU per chunk of long jobs, with the ended jobs', ({ few, fewLater }) =>
      ratio(fewLater, few),
    ),
    atMost(FLAT, '× before', 'CPU per chunk of short jobs, with the ended jobs', ({ short, shortLater }) =>
      ratio(shortLater, short),
    ),
    atMost(
      LOST_AFTER_MS,
      'ms',
      'a lost worker is noticed, with the ended jobs',
      ({ lostWorkerMs }) => lostWorkerMs,
    ),
  ],
  async measure(bench) {
    const product = await bench.startProduct({
      env: { JOB_LEASE_MS: `${bench.size(SIZES).leaseMs}ms`, GATEWAY_SWEEP_MS: `${SWEEP_MS}ms` },
    });
    try {
      return await measureGrowth(bench, product);
    } finally {
      await product.close();
    }
  },
  show: ({ few, longer, fewLater, short, more, shortLater, filledPerSecond, lostWorkerMs }) => {
    const row = (name: string, { cpuPerItemUs, median }: Jobs) => [
      name,
      ...['all', 'gateway', 'worker', 'redis'].map((process) => figure(cpuPerItemUs[process], 2)),
      figure(median.chunksPerSecond),
    ];
    return [
      {
        title: `${figure(filledPerSecond)} jobs a second while the ended ones were made; a lost worker was noticed after ${figure(lostWorkerMs)} ms`,
        columns: ['µs of CPU a chunk', 'gateway', 'worker', 'redis', 'chunks/s'],
        rows: [
          row('20 jobs × 2,000', few),
          row('20 jobs × 20,000', longer),
          row('20 jobs × 2,000, with the ended', fewLater),
          row('50 jobs × 200', short),
          row('500 jobs × 200', more),
          row('50 jobs × 200, with the ended', shortLater),
        ],
      },
    ];
  },
});
