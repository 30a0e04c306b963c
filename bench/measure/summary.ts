/** Several rounds of one task on one system, as one. */
import type { TaskName } from '../client/main.ts';
import type { FiguresOf } from './load-client.ts';
import { type Measured, systemUs } from './measure.ts';
import { median } from './statistics.ts';

export type Summary<K extends TaskName> = {
  /** Of the rounds that count, each figure's own. */
  readonly median: FiguresOf<K>;
  /** µs of CPU per item, by process, and of the system's processes together (`all`). */
  readonly cpuPerItemUs: Readonly<Record<string, number>> & { readonly all: number };
  /** The most of all rounds. */
  readonly peakMb: Readonly<Record<string, number>>;
  readonly othersCores: number;
  /** The rounds that count. */
  readonly rounds: readonly Measured<K>[];
};

/** While programs of others use more cores than this, a round does not count if there are better ones. */
const NOISY_CORES = 0.3;

export function isQuiet({ othersCores = 0 }: { othersCores?: number }): boolean {
  return othersCores < NOISY_CORES;
}

/** The quiet rounds if there are any, else all. */
export function summarize<K extends TaskName>(rounds: readonly Measured<K>[]): Summary<K> {
  const quiet = rounds.filter(isQuiet);
  const counted = quiet.length > 0 ? quiet : rounds;
  const [first] = counted;
  if (first === undefined) throw new Error('there is no round to sum up');
  const of = (pick: (round: Measured<K>) => number) => median(counted.map(pick));
  const perItem = (us: number, round: Measured<K>) => us / round.figures.items;
  const byProcess = Object.keys(first.cpuUs).map((name) => [
    name,
    of((round) => perItem(round.cpuUs[name] ?? Number.NaN, round)),
  ]);
  const figures = Object.keys(first.figures).map((name) => [
    name,
    of((round) => (round.figures as Record<string, number>)[name] ?? Number.NaN),
  ]);
  const peaks = Object.keys(first.peakMb).map((name) => [
    name,
    Math.max(...counted.map((round) => round.peakMb[name] ?? 0)),
  ]);
  return {
    median: Object.fromEntries(figures),
    cpuPerItemUs: {
      ...Object.fromEntries(byProcess),
      all: of((round) => perItem(systemUs(round), round)),
    },
    peakMb: Object.fromEntries(peaks),
    othersCores: of((round) => round.othersCores ?? Number.NaN),
    rounds: counted,
  };
}
