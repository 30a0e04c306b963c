/** Connections that come at a steady rate, whoever keeps up or not, and leave at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection, type Target } from './connection.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import { createFaults, type Figures, type Mark, type Outcome, timed } from './task.ts';

export type Storm = { targets: readonly Target[]; perSecond: number; seconds: number };

/** Until a connection is open. */
export type StormFigures = Figures & Quantiles;

const STEP_MS = 10;

export async function storm(
  { targets, perSecond, seconds }: Storm,
  mark: Mark,
): Promise<Outcome<StormFigures>> {
  const faults = createFaults();
  const timesUs: number[] = [];
  const total = perSecond * seconds;
  let started = 0;

  async function comeAndGo(): Promise<void> {
    const from = performance.now();
    const connection = await openConnection(targets[started % targets.length]!, () => undefined);
    timesUs.push((performance.now() - from) * 1_000);
    await connection.close();
  }

  async function blow(): Promise<void> {
    const from = performance.now();
    const visits: Promise<void>[] = [];
    while (started < total) {
      const due = Math.min(total, Math.ceil(((performance.now() - from) / 1_000) * perSecond));
      for (; started < due; started += 1) {
        visits.push(comeAndGo().catch((error: Error) => faults.add(`a connection failed: ${error.message}`)));
      }
      await sleep(STEP_MS);
    }
    await Promise.all(visits);
  }

  const done = Promise.withResolvers<void>();
  const { elapsedMs, isLate } = await timed(mark, () => void blow().then(done.resolve), done.promise);
  if (isLate) faults.add(`only ${timesUs.length} of ${total} connections were opened in time`);
  return { figures: { items: timesUs.length, elapsedMs, ...quantiles(timesUs) }, faults: faults.kept };
}
