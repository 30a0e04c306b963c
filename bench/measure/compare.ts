/**
 * Several systems in one run, interleaved round by round in turning order, so that what changes on the machine meanwhile
 * changes for all of them. Rounds that others disturb are made again, within bounds.
 */
import type { TaskName } from '../client/main.ts';
import type { SystemName } from '../systems/system.ts';
import type { FiguresOf } from './load-client.ts';
import type { Measured, Plan } from './measure.ts';
import { spread } from './statistics.ts';
import { isQuiet, type Summary, summarize } from './summary.ts';

export type Comparison<S extends SystemName, K extends TaskName> = Readonly<Record<S, Summary<K>>>;

export type CompareOptions<K extends TaskName> = {
  /** What is run once on each before; by default the same. */
  warmUp?: Plan<K>;
  rounds: number;
  /** So many more may be made for those that others disturb. */
  moreRounds: number;
  /** The figure whose spread tells how steady the machine was. */
  steady: keyof FiguresOf<K> & string;
};

export type Comparer<K extends TaskName> = {
  run(system: SystemName, plan: Plan<K>): Promise<Measured<K>>;
  /** Told what makes the figures doubtful. */
  warn(text: string): void;
};

/** So many quiet ones are enough when there have been as many rounds as were asked for. */
const QUIET_ENOUGH = 2;
/** The figures of a system that does the same again lie closer together, on a machine that does nothing else. */
const UNSTEADY = 0.3;

export async function compare<S extends SystemName, K extends TaskName>(
  comparer: Comparer<K>,
  systems: readonly S[],
  plan: Plan<K>,
  { warmUp = plan, rounds, moreRounds, steady }: CompareOptions<K>,
): Promise<Comparison<S, K>> {
  const done = new Map<S, Measured<K>[]>(systems.map((system) => [system, []]));
  const roundsOf = (system: S) => done.get(system) ?? [];
  const quietOf = (system: S) => roundsOf(system).filter(isQuiet).length;

  for (const system of systems) await comparer.run(system, warmUp);
  for (let round = 0; round < rounds + moreRounds; round += 1) {
    const isEnough = systems.every((system) => quietOf(system) >= Math.min(rounds, QUIET_ENOUGH));
    if (round >= rounds && isEnough) break;
    const due = systems.filter((system) => round < rounds || quietOf(system) < rounds);
    for (const [index] of due.entries()) {
      const system = due[(index + round) % due.length]!;
      roundsOf(system).push(await comparer.run(system, plan));
    }
  }
  const summaries = systems.map((system) => [system, summarize(roundsOf(system))] as const);
  const disturbed = systems.filter((system) => quietOf(system) < roundsOf(system).length);
  if (disturbed.length > 0) {
    const shares = disturbed.map((system) => {
      const all = roundsOf(system).length;
      return `${system} ${all - quietOf(system)} of ${all}`;
    });
    comparer.warn(`others used the machine in rounds of ${shares.join(', ')}`);
  }
  const apart = summaries.flatMap(([system, summary]) => {
    const values = summary.rounds.map(({ figures }) => Number((figures as Record<string, number>)[steady]));
    return spread(values) > UNSTEADY ? [`${system} ${Math.round(spread(values) * 100)} %`] : [];
  });
  if (apart.length > 0) comparer.warn(`the rounds lie apart (${steady}): ${apart.join(', ')}`);
  return Object.fromEntries(summaries) as Record<S, Summary<K>>;
}
