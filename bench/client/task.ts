/** What every task of the load client takes and gives. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Begins or ends what is measured; resolves when the harness has looked at the processes. */
export type Mark = (name: 'start' | 'end') => Promise<void>;

/** Plain numbers, so that medians can be taken of any of them. `items` is what costs are divided by. */
export type Figures = { readonly items: number; readonly elapsedMs: number };

export type Outcome<F extends Figures> = {
  readonly figures: F;
  /** What was not as promised: such a run is no measurement. */
  readonly faults: readonly string[];
};

const LIMIT_MS = 120_000;
/** What opening the connections has left to do is not measured. */
const SETTLE_MS = 50;
const FAULTS_KEPT = 5;

/** Runs `work` between the marks, and waits for `done` for as long as anything may take. */
export async function timed(
  mark: Mark,
  work: () => void,
  done: Promise<void>,
): Promise<{ elapsedMs: number; isLate: boolean }> {
  await sleep(SETTLE_MS);
  await mark('start');
  const startedAt = performance.now();
  work();
  const limit = new AbortController();
  const late = sleep(LIMIT_MS, true, { signal: limit.signal }).catch(() => true);
  const isLate = await Promise.race([done.then(() => false), late]);
  const elapsedMs = performance.now() - startedAt;
  limit.abort();
  await mark('end');
  return { elapsedMs, isLate };
}

/** Keeps the first few of many. */
export function createFaults() {
  const kept: string[] = [];
  return {
    kept,
    add(what: string): void {
      if (kept.length < FAULTS_KEPT) kept.push(what);
    },
  };
}
