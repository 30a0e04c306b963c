/** J: jobs that wait for slots: what a second worker brings, and what a second gateway costs. */
import { defineCase } from '../case.ts';
import { atLeast } from '../goals.ts';
import { type Measured, systemUs } from '../measure/measure.ts';
import { figure } from '../table.ts';

const SLOTS = 8;

/** Each job takes a second. */
const SIZES = { full: { jobs: 64, chunks: 50 }, smoke: { jobs: 2, chunks: 2 } };

type Run = Measured<'runJobs'>;
type Result = { idealMs: number; one: Run; twoWorkers: Run; twoGateways: Run };

export const scaleOut = defineCase<Result>({
  name: 'J',
  title: 'scale-out: 64 paced jobs of a second, 8 slots a worker',
  goals: [
    atLeast(
      1.9,
      '× one worker',
      'speed with two workers',
      ({ one, twoWorkers }) => one.figures.elapsedMs / twoWorkers.figures.elapsedMs,
    ),
  ],
  async measure(bench) {
    const { jobs, chunks } = bench.size(SIZES);
    const product = await bench.startProduct({ concurrency: SLOTS });
    const run = (count: number) =>
      bench.measure(product, 'runJobs', {
        connections: count,
        jobs: count,
        script: { chunks, size: 50, rate: 50 },
      });
    try {
      await run(1);
      const one = await run(jobs);
      await product.addWorker();
      const twoWorkers = await run(jobs);
      await product.addGateway();
      const idealMs = (jobs / SLOTS) * (chunks / 50) * 1_000;
      return { idealMs, one, twoWorkers, twoGateways: await run(jobs) };
    } finally {
      await product.close();
    }
  },
  show: ({ idealMs, one, twoWorkers, twoGateways }) => {
    const row = (name: string, ideal: number, run: Run) => [
      name,
      figure(run.figures.elapsedMs),
      figure(ideal),
      figure(run.figures.latencyP99Ms, 1),
      figure(systemUs(run) / run.figures.items, 1),
    ];
    return [
      {
        title: 'until all jobs have ended',
        columns: ['ms', 'ideal ms', 'chunk p99 ms', 'µs of CPU a chunk'],
        rows: [
          row('1 gateway, 1 worker', idealMs, one),
          row('1 gateway, 2 workers', idealMs / 2, twoWorkers),
          row('2 gateways, 2 workers', idealMs / 2, twoGateways),
        ],
      },
    ];
  },
});
