/** A log whose appends wait, so that a test says when each is answered. */
import type { Batch } from '@cc-executor/job-log';
import type { WholeLog } from '@cc-executor/testing';

type GatedLog = { log: WholeLog; batches: Batch[]; letThrough: () => void };

/** Keeps every batch; each waits until it is let through. */
export function gatedLog(log: WholeLog): GatedLog {
  const batches: Batch[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const gated: WholeLog = {
    ...log,
    async append(batch) {
      batches.push(batch);
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return log.append(batch);
    },
  };
  const letThrough = () => gates.shift()?.resolve();
  return { log: gated, batches, letThrough };
}
