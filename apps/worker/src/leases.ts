/**
 * Renews the leases of all running attempts and tells an attempt when it has lost its job, and what clients
 * wish of it: also what the control channel lost.
 *
 * Without an answer from Redis nobody can say whether a lease is lost: the sweeper waits after an outage, so an
 * attempt goes on for `MAX_UNRENEWED_LEASES`, and is then ended, so that nothing runs on for ever unseen.
 */
import type { Wishes, WriteLog } from '@cc-executor/job-log';
import { isCurable } from '@cc-executor/redis';
import type { Logger } from '@cc-executor/runtime';

type Leased = {
  jobId: string;
  fence: number;
  onLost(reason: string): void;
  /** Called when the lease can never be renewed. */
  onFault(error: unknown): void;
  /** Called after every renewal. */
  onWishes(wishes: Wishes): void;
};

export type Leases = {
  /** Keeps an attempt's lease until the returned function is called. */
  keep(attempt: Leased): () => void;
  /** Renews one job's lease now: it may be lost, or a client has a wish. */
  check(jobId: string): void;
  /** Idempotent. */
  close(): void;
};

const MAX_UNRENEWED_LEASES = 8;

export function createLeases({
  log,
  leaseMs,
  logger,
}: {
  log: WriteLog;
  leaseMs: number;
  logger: Logger;
}): Leases {
  const kept = new Map<string, { attempt: Leased; renewedAt: number; pending: boolean; again: boolean }>();

  async function renew(jobId: string): Promise<void> {
    const entry = kept.get(jobId);
    if (!entry) return;
    const { attempt } = entry;
    // First of all: without Redis, the renewal under way is never answered.
    if (performance.now() - entry.renewedAt > MAX_UNRENEWED_LEASES * leaseMs) {
      attempt.onLost('Redis did not answer for too long');
      return;
    }
    if (entry.pending) return;
    entry.pending = true;
    try {
      const { code, ...wishes } = await log.renew(jobId, attempt.fence, leaseMs);
      if (kept.get(jobId) !== entry) return;
      if (code !== 'ok') attempt.onLost(code);
      else attempt.onWishes(wishes);
      entry.renewedAt = performance.now();
    } catch (err) {
      if (!isCurable(err)) attempt.onFault(err);
      else logger.warn({ err, jobId }, 'a lease could not be renewed; it is tried again');
    } finally {
      entry.pending = false;
      if (entry.again) {
        entry.again = false;
        void renew(jobId);
      }
    }
  }

  const timer = setInterval(() => {
    for (const jobId of kept.keys()) void renew(jobId);
  }, leaseMs / 3);
  timer.unref();

  return {
    keep(attempt) {
      const entry = { attempt, renewedAt: performance.now(), pending: false, again: false };
      kept.set(attempt.jobId, entry);
      return () => {
        if (kept.get(attempt.jobId) === entry) kept.delete(attempt.jobId);
      };
    },
    check(jobId) {
      const entry = kept.get(jobId);
      // The answer under way may be older than what there is to learn.
      if (entry?.pending) entry.again = true;
      else void renew(jobId);
    },
    close: () => clearInterval(timer),
  };
}
