/**
 * What a gateway tells of jobs, where an operator asks for traces: that it has accepted them, what of them it ended in place of
 * their workers, and the webhooks that it sent. What is traced is done first, and done also where nothing can be traced.
 */
import type { JobSweep, TraceLog, WishLog } from '@cc-executor/job-log';
import type { Logger } from '@cc-executor/runtime';
import { endJob, startAttempt, startJob, type Tracing } from '@cc-executor/tracing';
import { isDelivered } from './chores/webhook-progress.ts';
import type { TraceDelivery } from './chores/webhooks.ts';
import type { Operations } from './operations/operation.ts';

export type Traces = {
  operations(operations: Operations): Operations;
  /** A cancel ends what no worker has. */
  wishes(wishLog: WishLog): WishLog;
  sweep(sweep: JobSweep): JobSweep;
  delivery: TraceDelivery;
};

/** What is done as it is, where nothing is traced. */
export const untraced: Omit<Traces, 'delivery'> = {
  operations: (operations) => operations,
  wishes: (wishLog) => wishLog,
  sweep: (sweep) => sweep,
};

export function createTraces({
  tracing,
  traceLog,
  logger,
}: {
  tracing: Tracing;
  traceLog: TraceLog;
  logger: Logger;
}): Traces {
  const read = (jobId: string) =>
    traceLog.read(jobId).catch((err) => {
      logger.debug({ err, jobId }, 'what happened to a job is not traced');
      return undefined;
    });

  /** Tells of an attempt whose worker is lost, and of the job where that has ended with it. */
  async function tellEnd(jobId: string, lostAttempt?: number): Promise<void> {
    const job = await read(jobId);
    if (job === undefined) return;
    const { begunAt, endedAt = Date.now() } = job;
    if (lostAttempt !== undefined && begunAt !== undefined) {
      startAttempt(tracing, job, lostAttempt, begunAt).end({ endMs: endedAt, error: 'worker_lost' });
    }
    if (job.endedAt !== undefined) endJob(tracing, { ...job, endedAt });
  }

  function submitting<M extends 'execute' | 'rerun'>(operation: Operations[M], name: M): Operations[M] {
    return (async (session, params) => {
      const startMs = Date.now();
      const answer = await operation(session, params);
      const { jobId, created } = answer.result;
      const asked = { jobId, tenant: session.tenant, traceparent: params.traceparent, createdAt: startMs };
      const job = created ? asked : await read(jobId);
      if (job === undefined) return answer;
      const { traceparent } = startJob(tracing, job);
      const attributes = { 'cc_executor.job.id': jobId, 'cc_executor.created': created };
      tracing.start({ name, kind: 'server', parent: traceparent, startMs, attributes }).end();
      return { ...answer, result: { ...answer.result, traceparent } };
    }) as Operations[M];
  }

  return {
    operations: (operations) => ({
      ...operations,
      execute: submitting(operations.execute, 'execute'),
      rerun: submitting(operations.rerun, 'rerun'),
    }),

    wishes: (wishLog) => ({
      ...wishLog,
      async cancel(tenant, jobId, by) {
        const outcome = await wishLog.cancel(tenant, jobId, by);
        if (outcome.code === 'cancelled') void tellEnd(jobId);
        return outcome;
      },
    }),

    sweep: (sweep) => ({
      ...sweep,
      async settle(jobId, claim) {
        const settled = await sweep.settle(jobId, claim);
        if ('lostAttempt' in settled) await tellEnd(jobId, settled.lostAttempt);
        // Whoever ended it may have died before it told.
        else if (settled.code === 'ended' || settled.code === 'terminal') await tellEnd(jobId);
        return settled;
      },
    }),

    async delivery(jobId, send) {
      const job = await read(jobId);
      if (job === undefined) return send(undefined);
      const parent = startJob(tracing, job).traceparent;
      const attributes = { 'cc_executor.job.id': jobId };
      const span = tracing.start({ name: 'webhook', kind: 'client', parent, attributes });
      const outcome = await send(span.traceparent);
      const status = 'status' in outcome ? outcome.status : undefined;
      const error = 'error' in outcome ? outcome.error : String(outcome.status);
      span.end({
        ...(!isDelivered(outcome) && { error }),
        attributes: { 'http.response.status_code': status },
      });
      return outcome;
    },
  };
}
