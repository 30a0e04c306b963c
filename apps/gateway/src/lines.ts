/**
 * Who ends a job that waits takes it out of its line too, so that those behind it move up. Nobody waits for that: a job that is left
 * there is found to have ended when its turn comes.
 */
import type { JobSweep, WishLog } from '@cc-executor/job-log';
import type { Producer } from '@cc-executor/queue';
import type { Logger } from '@cc-executor/runtime';

export type Lines = { producer: Pick<Producer, 'leave'>; logger: Logger };

/** The same wishes; a job that is cancelled leaves its line. */
export function leaveWhenCancelled(wishLog: WishLog, lines: Lines): WishLog {
  return {
    ...wishLog,
    async cancel(tenant, jobId, by) {
      const outcome = await wishLog.cancel(tenant, jobId, by);
      if (outcome.code === 'cancelled') leave(lines, tenant, jobId);
      return outcome;
    },
  };
}

/** The same sweep; a job that it ends leaves its line. */
export function leaveWhenSwept(sweep: JobSweep, lines: Lines): JobSweep {
  return {
    ...sweep,
    async settle(jobId, claim) {
      const settled = await sweep.settle(jobId, claim);
      if (settled.code === 'ended') leave(lines, settled.tenant, jobId);
      return settled;
    },
  };
}

function leave({ producer, logger }: Lines, tenant: string, jobId: string): void {
  producer.leave(tenant, jobId).catch((err) => logger.debug({ err, jobId }, 'still in line'));
}
