/**
 * Cancels jobs that nobody listens to any more, where the job asked for it (`onDisconnect: "cancel"`). A listener
 * may come back through another gateway, so the last look is at all gateways' subscriptions. Each gateway watches the
 * jobs that its connections left; those of a gateway that died are suspected by whoever sweeps.
 */
import type { JobLog } from '@cc-executor/job-log';
import { isTerminal } from '@cc-executor/protocol';
import { isCurable } from '@cc-executor/redis';
import { type Logger, logEvents } from '@cc-executor/runtime';

export type AbandonWatch = {
  /** A connection of this gateway attached to the job. */
  came(jobId: string): void;
  /** One left: it went away, or its job ended. */
  left(jobId: string, why: 'gone' | 'ended'): void;
  /** Perhaps nobody listens to this job anywhere: it is looked at after the grace. */
  suspect(jobId: string): void;
  /** Forgets everything; running jobs go on. Idempotent. */
  close(): void;
};

export function createAbandonWatch({
  log,
  graceMs,
  logger,
}: {
  log: JobLog;
  graceMs: number;
  logger: Logger;
}): AbandonWatch {
  const listeners = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let closed = false;

  function wait(jobId: string): void {
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(jobId);
      decide(jobId).catch((err) => {
        if (!isCurable(err)) {
          logger.error({ event: logEvents.redisRefused, err, jobId }, 'an abandoned job cannot be cancelled');
          return;
        }
        logger.warn({ err, jobId }, 'an abandoned job could not be cancelled; it is tried again');
        suspect(jobId);
      });
    }, graceMs);
    timer.unref();
    timers.set(jobId, timer);
  }

  function suspect(jobId: string): void {
    if (!listeners.has(jobId) && !timers.has(jobId)) wait(jobId);
  }

  async function decide(jobId: string): Promise<void> {
    if ((await log.countListeners(jobId)) > 0) return;
    const stored = await log.get(jobId);
    if (!stored || isTerminal(stored.job.status) || stored.spec.onDisconnect !== 'cancel') return;
    const { code } = await log.cancel(jobId, 'disconnect');
    logger.info({ jobId, code }, 'job cancelled: nobody listens any more');
  }

  return {
    came(jobId) {
      listeners.set(jobId, (listeners.get(jobId) ?? 0) + 1);
      clearTimeout(timers.get(jobId));
      timers.delete(jobId);
    },
    left(jobId, why) {
      const rest = (listeners.get(jobId) ?? 1) - 1;
      if (rest > 0) listeners.set(jobId, rest);
      else listeners.delete(jobId);
      if (rest <= 0 && why === 'gone') wait(jobId);
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
