/** K: jobs that say very much, in chunks small and large: how fast, and how much memory they take on the way. */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atLeast, atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows, type Table } from '../table.ts';

type Large = Comparison<'naive' | 'product', 'runJobs'>;
type Result = { chunk: Large; pages: Large; lines: Large };

const SIZES = {
  full: {
    chunk: { chunks: 1, size: 2_000_000 },
    pages: { chunks: 4_096, size: 16_384 },
    lines: { chunks: 65_536, size: 1_000 },
  },
  smoke: {
    chunk: { chunks: 1, size: 100_000 },
    pages: { chunks: 4, size: 16_384 },
    lines: { chunks: 10, size: 1_000 },
  },
};

/** Long ones. */
const ROUNDS = 2;

function compareLarge(bench: Bench, label: string, script: { chunks: number; size: number }): Promise<Large> {
  return bench.compare(['naive', 'product'], {
    label,
    task: 'runJobs',
    plan: { connections: 1, jobs: 1, script: { ...script, rate: 0 } },
    steady: 'elapsedMs',
    rounds: ROUNDS,
  });
}

function show(title: string, comparison: Large): Table {
  return {
    title,
    columns: ['MB/s', 'ms', 'of the rounds', 'bridge MB', 'gateway MB', 'worker MB', 'redis MB'],
    rows: systemRows(comparison, ({ median, rounds, peakMb }) => [
      figure(median.bytesPerSecond / 1e6, 1),
      figure(median.elapsedMs),
      range(rounds.map(({ figures }) => figures.elapsedMs)),
      ...['bridge', 'gateway', 'worker', 'redis'].map((name) => figure(peakMb[name])),
    ]),
  };
}

const most = ({ pages, lines }: Result, process: string) =>
  Math.max(pages.product.peakMb[process] ?? Number.NaN, lines.product.peakMb[process] ?? Number.NaN);

export const largeJobs = defineCase<Result>({
  name: 'K',
  title: 'large jobs: one chunk of 2 MB; 64 MB in one job',
  goals: [
    atLeast(
      0.6,
      '× naive',
      'speed of 64 MB in chunks of 16 KB',
      ({ pages: { product, naive } }) => naive.median.elapsedMs / product.median.elapsedMs,
    ),
    atMost(150, 'MB', 'resident memory of the worker', (result) => most(result, 'worker')),
    atMost(200, 'MB', 'resident memory of the gateway', (result) => most(result, 'gateway')),
  ],
  async measure(bench) {
    const { chunk, pages, lines } = bench.size(SIZES);
    return {
      chunk: await compareLarge(bench, 'one chunk', chunk),
      pages: await compareLarge(bench, 'chunks of 16 KB', pages),
      lines: await compareLarge(bench, 'chunks of 1 KB', lines),
    };
  },
  show: ({ chunk, pages, lines }) => [
    show('one chunk of 2 MB', chunk),
    show('64 MB in chunks of 16 KB', pages),
    show('64 MB in chunks of 1 KB', lines),
  ],
});
