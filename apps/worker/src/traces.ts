/**
 * A worker's job log that traces the attempts which are written to it. An attempt ends with the job, or when it is handed back;
 * one that has lost its job is told of by whoever took that from it, under the same ids.
 */
import type { TraceLog, WriteLog } from '@cc-executor/job-log';
import { type Logger, within } from '@cc-executor/runtime';
import { endJob, type Span, startAttempt, type TracedJob, type Tracing } from '@cc-executor/tracing';

/** A job does not wait for its trace. */
const READ_MS = 1_000;
/** Events that tell what an attempt went through; what Claude Code does it tells itself. */
const NOTED = /^\{"type":"(started|throttled|reset|paused|resumed)"/;

export type TracedLog = {
  log: WriteLog;
  /** This worker has no attempt of the job any more. */
  forget(jobId: string): void;
};

/** What happens where it cannot be traced is done all the same. */
export function traceAttempts({
  log,
  traceLog,
  tracing,
  logger,
}: {
  log: WriteLog;
  traceLog: TraceLog;
  tracing: Tracing;
  logger: Logger;
}): TracedLog {
  const traced = new Map<string, { job: TracedJob; span: Span; hasOutput: boolean }>();

  return {
    log: {
      ...log,
      async begin(jobId, leaseMs, owner) {
        const begun = await log.begin(jobId, leaseMs, owner);
        if (!('attempt' in begun)) return begun;
        const job = await within(traceLog.read(jobId), READ_MS).catch((err) => {
          logger.debug({ err, jobId }, 'an attempt is not traced');
          return undefined;
        });
        if (job === undefined) return begun;
        const span = startAttempt(tracing, job, begun.attempt.fence, job.begunAt ?? Date.now());
        traced.set(jobId, { job, span, hasOutput: false });
        return { ...begun, attempt: { ...begun.attempt, traceparent: span.traceparent } };
      },

      async append(batch) {
        const answer = await log.append(batch);
        const { jobId, bodies, terminal, ending } = batch;
        const attempt = traced.get(jobId);
        if (attempt === undefined || (answer.code !== 'ok' && answer.code !== 'duplicate')) return answer;
        const { job, span } = attempt;
        if (batch.hasOutput && !attempt.hasOutput) span.note('first_output');
        attempt.hasOutput ||= batch.hasOutput;
        for (const body of bodies) {
          // What came as bytes is text of the answer.
          const [, type] = (typeof body === 'string' && NOTED.exec(body)) || [];
          if (type !== undefined) span.note(type);
        }
        if (terminal === undefined) return answer;
        traced.delete(jobId);
        const endedAt = Date.now();
        const failure = ending?.failure ?? (terminal === 'timed_out' ? terminal : undefined);
        span.end({ endMs: endedAt, error: failure });
        endJob(tracing, { ...job, status: terminal, failure, endedAt });
        return answer;
      },

      async release(jobId, fence, hasBegun) {
        const code = await log.release(jobId, fence, hasBegun);
        if (code === 'ok') traced.get(jobId)?.span.end({ attributes: { 'cc_executor.handed_back': true } });
        return code;
      },
    },
    forget: (jobId) => void traced.delete(jobId),
  };
}
