/** What the tests give a consumer to process jobs with. */
import type { Slot } from '../src/index.ts';

/** A processor that tells what it was given, and goes on when it is let. */
export function createStage(hold = false) {
  const taken: string[] = [];
  const slots = new Map<string, Slot>();
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const waiting = new Set<() => void>();
  return {
    taken,
    slots,
    letGo(jobId: string) {
      gates.get(jobId)?.resolve();
    },
    async process(jobId: string, slot: Slot) {
      taken.push(jobId);
      slots.set(jobId, slot);
      const gate = Promise.withResolvers<void>();
      gates.set(jobId, gate);
      for (const check of waiting) check();
      if (hold) await gate.promise;
      return { status: 'completed' };
    },
    until(count: number): Promise<void> {
      return new Promise((resolve) => {
        const check = () => {
          if (taken.length >= count) resolve();
        };
        waiting.add(check);
        check();
      });
    },
  };
}
