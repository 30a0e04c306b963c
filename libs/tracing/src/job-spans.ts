/**
 * The spans of a job. Those that other spans are parts of have ids that follow from the job's id, so that whoever ends a
 * job, or loses an attempt's worker, can tell of them, though the process that began them is dead
 * (docs/decisions/0027-who-tells-of-a-job-whose-worker-died.md).
 */
import { createHash } from 'node:crypto';
import type { Attributes, Span, Tracing } from './span.ts';
import { readTraceparent } from './traceparent.ts';

/** What a job's record has of it. Times are Unix times in ms. */
export type TracedJob = {
  jobId: string;
  tenant?: string | undefined;
  /** What its client calls it a part of. */
  traceparent?: string | undefined;
  createdAt: number;
  /** When the first attempt began. */
  startedAt?: number | undefined;
};

type EndedJob = TracedJob & { status: string; failure?: string | undefined; endedAt: number };

/** The whole job: all else of it is a part of this. Whoever ended the job ends it. */
export function startJob(tracing: Tracing, { jobId, tenant, traceparent, createdAt }: TracedJob): Span {
  const parent = traceparent === undefined ? undefined : readTraceparent(traceparent);
  return tracing.start({
    name: 'job',
    parent: parent && traceparent,
    ids: { traceId: idOf('trace', jobId, 32), spanId: idOf('job', jobId, 16) },
    startMs: createdAt,
    attributes: { ...named(jobId), 'cc_executor.tenant': tenant },
  });
}

/** One attempt of a worker, by the number of it. */
export function startAttempt(tracing: Tracing, job: TracedJob, attempt: number, startMs: number): Span {
  return tracing.start({
    name: 'attempt',
    parent: startJob(tracing, job).traceparent,
    ids: { spanId: idOf(`attempt ${attempt}`, job.jobId, 16) },
    startMs,
    attributes: { ...named(job.jobId), 'cc_executor.attempt': attempt },
  });
}

/** Tells of the whole job, and of how long it waited until it first began. */
export function endJob(tracing: Tracing, job: EndedJob): void {
  const { status, failure, endedAt } = job;
  const whole = startJob(tracing, job);
  tracing
    .start({
      name: 'queue',
      parent: whole.traceparent,
      ids: { spanId: idOf('queue', job.jobId, 16) },
      startMs: job.createdAt,
      attributes: named(job.jobId),
    })
    .end({ endMs: job.startedAt ?? endedAt });
  whole.note(status);
  whole.end({
    endMs: endedAt,
    error: status === 'failed' || status === 'timed_out' ? (failure ?? status) : undefined,
    attributes: { 'cc_executor.job.status': status },
  });
}

function named(jobId: string): Attributes {
  return { 'cc_executor.job.id': jobId };
}

/** Not of the job's id itself, which a trace shows to others. */
function idOf(what: string, jobId: string, digits: number): string {
  return createHash('sha256').update(`${what} ${jobId}`).digest('hex').slice(0, digits);
}
