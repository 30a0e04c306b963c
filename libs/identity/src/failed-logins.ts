/**
 * Slows down whoever fails to come in: each refusal of one source takes longer than the one before. Who has a good token
 * never waits, for many clients may share an address, and others' failures are not theirs.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 2_000;
/** After so long without a failure a source is new. */
const FORGET_MS = 60_000;
const MAX_SOURCES = 10_000;
const MAX_WAITING = 256;

export type FailedLogins = {
  /** A source has failed once more: how long its refusal is to wait, in ms. */
  failed(source: string): number;
  /** Waits so long. Beyond a bound nobody waits: who does is held, and costs more than a quick word. */
  holdBack(delayMs: number): Promise<void>;
};

/** @param now in ms, never going back */
export function createFailedLogins(now: () => number = () => performance.now()): FailedLogins {
  /** The one that failed longest ago comes first. */
  const sources = new Map<string, { count: number; at: number }>();
  let waiting = 0;
  return {
    failed(source) {
      const known = sources.get(source);
      const count = known === undefined || now() - known.at > FORGET_MS ? 1 : known.count + 1;
      sources.delete(source);
      sources.set(source, { count, at: now() });
      const [oldest] = sources.keys();
      if (sources.size > MAX_SOURCES && oldest !== undefined) sources.delete(oldest);
      return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(count - 1, 10));
    },
    async holdBack(delayMs) {
      if (waiting >= MAX_WAITING) return;
      waiting += 1;
      await sleep(delayMs);
      waiting -= 1;
    },
  };
}
