/** H: what a job left is read from its beginning, by one and by many at once. */
import { defineCase } from '../case.ts';
import { atLeast } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows, type Table } from '../table.ts';

const SYSTEMS = ['bare', 'product', 'batches'] as const;
const READERS = 20;
const SIZE = 200;

type Replays = Comparison<(typeof SYSTEMS)[number], 'replay'>;
type Result = { one: Replays; many: Replays };

const SIZES = { full: { events: 50_000 }, smoke: { events: 100 } };

const share = ({ product, bare }: Replays) => product.median.bytesPerSecond / bare.median.bytesPerSecond;

function show(title: string, comparison: Replays): Table {
  return {
    title,
    columns: [
      'events/s',
      'MB/s of frames',
      'of the rounds',
      'first event ms',
      'µs of CPU an event',
      'gateway',
      'redis',
      'gateway MB',
      'redis MB',
    ],
    rows: systemRows(comparison, ({ median, rounds, cpuPerItemUs, peakMb }) => [
      figure((median.items / median.elapsedMs) * 1_000),
      figure(median.bytesPerSecond / 1e6),
      range(rounds.map(({ figures }) => figures.bytesPerSecond / 1e6)),
      figure(median.firstP50Ms, 1),
      ...['all', 'gateway', 'redis'].map((name) => figure(cpuPerItemUs[name], 2)),
      figure(peakMb.gateway),
      figure(peakMb.redis),
    ]),
  };
}

export const replay = defineCase<Result>({
  name: 'H',
  title: 'replay: attach to a finished job of 10 MB (50,000 events of 200 bytes)',
  goals: [
    atLeast(0.8, '× bare', 'bytes a second, one reader', ({ one }) => share(one)),
    atLeast(0.8, '× bare', 'bytes a second, 20 readers', ({ many }) => share(many)),
  ],
  async measure(bench) {
    const { events } = bench.size(SIZES);
    const { targets } = await bench.system('product');
    const { jobId, faults } = await bench.client.run('makeJob', {
      targets,
      script: { chunks: events, size: SIZE, rate: 0 },
    });
    if (faults.length > 0) throw new Error(faults.join('; '));
    const task = (readers: number) => ({
      label: `${readers} readers`,
      task: 'replay' as const,
      plan: { readers, job: { jobId, events, size: SIZE } },
      steady: 'bytesPerSecond' as const,
    });
    return {
      one: await bench.compare(SYSTEMS, task(1)),
      many: await bench.compare(SYSTEMS, task(READERS)),
    };
  },
  show: ({ one, many }) => [show('one reader', one), show(`${READERS} readers at once`, many)],
});
