/**
 * Accept: record first, then queue entry, then the answer. When the answer is out, the job will have its one
 * terminal event: a record without an entry is found by the queue check.
 */
import { createHash } from 'node:crypto';
import type { AcceptLog, JobSpec } from '@cc-executor/job-log';
import {
  createEpoch,
  createJobId,
  DEFAULT_TIMEOUTS,
  type ExecuteParams,
  isTerminal,
  ProtocolError,
  type Result,
} from '@cc-executor/protocol';
import type { Producer } from '@cc-executor/queue';
import type { Logger } from '@cc-executor/runtime';
import type { GatewayMetrics } from '../metrics.ts';
import { type Ceilings, refuseBeyond, withinCeilings } from './ceilings.ts';

export type Accept = (tenant: string, params: ExecuteParams) => Promise<Result<'execute'>>;

/**
 * Makes the accept step.
 * Errors of the returned function: `beyond_ceiling`, `idempotency_conflict`; what Redis throws, when nothing was accepted for sure.
 */
export function createAccept({
  acceptLog,
  producer,
  ceilings,
  metrics,
  logger,
}: {
  acceptLog: AcceptLog;
  producer: Pick<Producer, 'enqueue'>;
  ceilings: Ceilings;
  metrics: Pick<GatewayMetrics, 'jobsAccepted'>;
  logger: Logger;
}): Accept {
  async function reserveJobId(tenant: string, idempotencyKey: string | undefined, spec: JobSpec) {
    const jobId = createJobId();
    if (idempotencyKey === undefined) return jobId;
    const hash = createHash('sha256').update(canonicalJson(spec)).digest('hex');
    const reserved = await acceptLog.reserve(tenant, idempotencyKey, jobId, hash);
    if (reserved.hash !== hash) throw new ProtocolError('idempotency_conflict');
    return reserved.jobId;
  }

  /** Nobody waits for it: what is not confirmed is looked for. */
  function confirm(jobId: string): void {
    acceptLog.enqueued(jobId).catch((err) => logger.debug({ err, jobId }, 'not confirmed as enqueued'));
  }

  return async (tenant, params) => {
    const { idempotencyKey, attach: _attach, ...asked } = params;
    refuseBeyond(asked, ceilings);
    // By what was asked: a ceiling that has changed makes no other payload of the same request.
    const jobId = await reserveJobId(tenant, idempotencyKey, asked);
    const spec = withinCeilings(asked, ceilings);
    const { created, epoch, status } = await acceptLog.create({
      jobId,
      epoch: createEpoch(),
      tenant,
      spec,
      queueMs: spec.timeouts?.queueMs ?? DEFAULT_TIMEOUTS.queueMs,
      totalMs: spec.timeouts?.totalMs ?? DEFAULT_TIMEOUTS.totalMs,
      retry: spec.retry ?? 'safe',
    });
    // Also for a job that was there: whoever accepted it may have died before this line.
    if (!isTerminal(status)) {
      try {
        await producer.enqueue(jobId, { priority: spec.priority });
        confirm(jobId);
      } catch (err) {
        // The record stands, so the job is accepted; the queue check enqueues what the queue does not know.
        logger.warn({ err, jobId }, 'accepted, but not enqueued yet');
      }
    }
    if (created) {
      metrics.jobsAccepted.inc();
      logger.info({ jobId }, 'job accepted');
    }
    return { jobId, epoch, status, created };
  };
}

/** JSON whose text does not depend on the order in which members were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
