/**
 * Submitting a batch: each line is an `execute` of its own, under a key made of the batch and the line where it names none.
 * So a batch that broke off anywhere is sent again, and each line has its one job. A line that cannot be a job is refused
 * alone: the lines before it run already.
 */
import { createHash } from 'node:crypto';
import type { JobBatches, WishLog } from '@cc-executor/job-log';
import {
  type BatchJob,
  type BatchLine,
  MAX_TIMEOUT_MS,
  ProtocolError,
  type ProtocolErrorCode,
  protocolErrors,
} from '@cc-executor/protocol';
import type { CeilingsFor } from './own-ceilings.ts';
import type { Requests } from './requests.ts';
import type { Session } from './session.ts';

/** A line's error tells no more than this: there may be thousands (UTF-16 units). */
const MAX_MESSAGE_LENGTH = 300;

/** How many lines are told at once. */
const PAGE_LINES = 500;

/** What of a body its batch is known by. */
type Body = { sha256: string; lastLine: number };

export type BatchSubmission = {
  readonly batchId: string;
  /** The highest number of a line that came before. */
  readonly knownLines: number;
  /** Takes a line: a job, or why it cannot be one. For several at once. Errors: those that end the whole batch. */
  add(line: number, job: BatchLine | ProtocolError): Promise<void>;
  /** The last line was added. `created`: the batch was not whole before. Errors: `idempotency_conflict`. */
  end(body: Body): Promise<{ created: boolean }>;
  /** What became of the next lines; `afterLine` where there may be more. */
  jobs(afterLine: number): Promise<{ jobs: BatchJob[]; afterLine: number | undefined }>;
};

export type SubmitBatch = (session: Session, idempotencyKey: string) => Promise<BatchSubmission>;

/** Errors of what is returned: `idempotency_conflict`, and what may pass: then the batch is to be sent again. */
export function createSubmitBatch({
  requests,
  jobBatches,
  wishLog,
  ceilingsFor,
}: {
  requests: Pick<Requests, 'performPart'>;
  jobBatches: JobBatches;
  wishLog: Pick<WishLog, 'cancel'>;
  ceilingsFor: CeilingsFor;
}): SubmitBatch {
  /** Its job, or why it cannot be one; undefined when this line was another job before. */
  async function accept(
    session: Session,
    ownKey: string,
    job: BatchLine,
  ): Promise<Omit<BatchJob, 'line'> | undefined> {
    const { idempotencyKey = ownKey, timeouts, ...asked } = job;
    // Most of a batch waits for the rest of it.
    const queueMs = Math.min(MAX_TIMEOUT_MS, ceilingsFor(session.identity)['timeouts.queueMs']);
    const params = { ...asked, idempotencyKey, timeouts: { queueMs, ...timeouts }, attach: false };
    try {
      const { result } = await requests.performPart(session, { method: 'execute', params });
      return { jobId: result.jobId };
    } catch (error) {
      if (!(error instanceof ProtocolError) || isOfAll(error.code)) throw error;
      // The batch may be sent on by who comes back with a good token.
      if (error.code === 'unauthenticated') throw error;
      return error.code === 'idempotency_conflict' && idempotencyKey === ownKey ? undefined : refusal(error);
    }
  }

  return async (session, idempotencyKey) => {
    const { tenant } = session;
    const batchId = batchIdOf(tenant, idempotencyKey);
    const before = await jobBatches.open(tenant, batchId);
    const isWhole = before.sha256 !== undefined;
    const conflict = (what: string) =>
      new ProtocolError('idempotency_conflict', `This key is that of another batch: ${what}.`);

    return {
      batchId,
      knownLines: before.lastLine,
      async add(line, job) {
        if (isWhole) return;
        const outcome =
          job instanceof ProtocolError ? refusal(job) : await accept(session, `${batchId}:${line}`, job);
        const code = outcome ? await jobBatches.note(batchId, { line, ...outcome }) : 'other';
        if (code === 'missing') throw new ProtocolError('unavailable', 'The batch is gone: send it again.');
        if (code === 'other') throw conflict(`line ${line} was another one`);
        if (code === 'cancelled' && outcome?.jobId) await wishLog.cancel(tenant, outcome.jobId, 'client');
      },
      async end({ sha256, lastLine }) {
        if (isWhole && before.sha256 !== sha256) throw conflict('its body was another one');
        if (before.lastLine > lastLine) throw conflict('it had more lines');
        if (!isWhole) await jobBatches.close(tenant, batchId, sha256);
        return { created: !isWhole };
      },
      async jobs(afterLine) {
        const [jobs, batch] = await Promise.all([
          jobBatches.lines(batchId, afterLine, PAGE_LINES),
          jobBatches.get(tenant, batchId),
        ]);
        const last = afterLine + PAGE_LINES;
        return { jobs, afterLine: batch && last < batch.lastLine ? last : undefined };
      },
    };
  };
}

/** The same for the same key: what is sent again finds its batch, and its jobs, wherever it broke off. */
function batchIdOf(tenant: string, idempotencyKey: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([tenant, idempotencyKey]))
    .digest('hex');
  return `batch_${hash.slice(0, 32)}`;
}

/** What is wrong with no line by itself: it would be so with each that follows. */
function isOfAll(code: ProtocolErrorCode): boolean {
  return protocolErrors[code].retryable || code === 'unauthenticated' || code === 'forbidden';
}

function refusal({ code, message }: ProtocolError): Omit<BatchJob, 'line'> {
  const isLong = message.length > MAX_MESSAGE_LENGTH;
  return { error: { code, message: isLong ? `${message.slice(0, MAX_MESSAGE_LENGTH)} …` : message } };
}
