/**
 * Cancels jobs that nobody listens to, where the job asked for it (`onDisconnect: "cancel"`). A listener
 * may come back through another gateway, so the last look is at all gateways' subscriptions. Each gateway watches the
 * jobs that its connections left; those of a gateway that died are suspected by whoever sweeps.
 */
import type { JobSweep, ReadLog, WishLog } from '@cc-executor/job-log';
import { isTerminal } from '@cc-executor/protocol';
import { isCurable } from '@cc-executor/redis';
import { type Logger, logEvents } from '@cc-executor/runtime';

type WatchedJob = { tenant: string; jobId: string };

export type AbandonWatch = {
  /** A connection of this gateway attached to the job. */
  came(jobId: string): void;
  /** One left: it went away, or its job ended. */
  left(job: WatchedJob, why: 'gone' | 'ended'): void;
  /** Perhaps nobody listens to this job anywhere: it is looked at after the grace. */
  suspect(job: WatchedJob): void;
  /** Forgets everything; running jobs go on. Idempotent. */
  close(): void;
};

/** @param options.graceMs how long a job may be without listeners */
export function createAbandonWatch(options: {
  readLog: Pick<ReadLog, 'get'>;
  wishLog: Pick<WishLog, 'cancel'>;
  countListeners: JobSweep['countListeners'];
  graceMs: number;
  logger: Logger;
}): AbandonWatch {
  const { readLog, wishLog, countListeners, graceMs, logger } = options;
  const listeners = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let closed = false;

  function wait(job: WatchedJob): void {
    if (closed) return;
    const timer = setTimeout(() => {
      const { jobId } = job;
      timers.delete(jobId);
      decide(job).catch((err) => {
        if (!isCurable(err)) {
          logger.error({ event: logEvents.redisRefused, err, jobId }, 'an abandoned job cannot be cancelled');
          return;
        }
        logger.warn({ err, jobId }, 'an abandoned job could not be cancelled; it is tried again');
        suspect(job);
      });
    }, graceMs);
    timer.unref();
    timers.set(job.jobId, timer);
  }

  function suspect(job: WatchedJob): void {
    if (!listeners.has(job.jobId) && !timers.has(job.jobId)) wait(job);
  }

  async function decide({ tenant, jobId }: WatchedJob): Promise<void> {
    if ((await countListeners(jobId)) > 0) return;
    const stored = await readLog.get(tenant, jobId);
    if (!stored || isTerminal(stored.job.status) || !stored.mayBeAbandoned) return;
    const { code } = await wishLog.cancel(tenant, jobId, 'disconnect');
    logger.info({ jobId, code }, 'job cancelled: nobody listens to it');
  }

  return {
    came(jobId) {
      listeners.set(jobId, (listeners.get(jobId) ?? 0) + 1);
      clearTimeout(timers.get(jobId));
      timers.delete(jobId);
    },
    left(job, why) {
      const { jobId } = job;
      const rest = (listeners.get(jobId) ?? 1) - 1;
      if (rest > 0) listeners.set(jobId, rest);
      else listeners.delete(jobId);
      if (rest <= 0 && why === 'gone') wait(job);
    },
    suspect,
    close() {
      closed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      listeners.clear();
    },
  };
}
