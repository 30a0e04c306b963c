/**
 * What a batch is, whoever keeps it: for each line its job or why there is none, and counts of those that have ended. A line
 * is counted once, when somebody looks and finds its job ended: no job tells its batch of its end, so none can fail to.
 */
import type { BatchJob, JobStatus, TerminalStatus } from '@cc-executor/protocol';

/** How a line's job has ended; `expired`: when it was looked at its record was gone. */
export type LineEnd = TerminalStatus | 'expired';

export type JobBatch = {
  createdAt: number;
  /** The highest number of a line that is there. */
  lastLine: number;
  /** Of its body, when all of it has come. */
  sha256: string | undefined;
  ended: Record<LineEnd | 'refused', number>;
};

export type UnfinishedLine = { line: number; jobId: string };

/** `cancelled`: noted, and the batch is cancelled. `other`: the line has another job already. */
export type NoteCode = 'noted' | 'cancelled' | 'other' | 'missing';

export type JobBatches = {
  /** Makes a batch, or finds it. */
  open(tenant: string, batchId: string): Promise<JobBatch>;
  /** Says what became of a line; the same again changes nothing. */
  note(batchId: string, job: BatchJob): Promise<NoteCode>;
  /** All of it has come. */
  close(tenant: string, batchId: string, sha256: string): Promise<void>;
  /** Another tenant's batch is undefined, as one that is not there. */
  get(tenant: string, batchId: string): Promise<JobBatch | undefined>;
  /** Whose a batch is: only for who may see those of all. Undefined: there is none. */
  ownerOf(batchId: string): Promise<string | undefined>;
  /** Those of the `limit` numbers after one that stand for a line. */
  lines(batchId: string, afterLine: number, limit: number): Promise<BatchJob[]>;
  /** Lines that are not counted as ended, in order. */
  unfinished(batchId: string, afterLine: number, limit: number): Promise<UnfinishedLine[]>;
  /** Counts lines whose jobs have ended. */
  count(batchId: string, ended: { line: number; end: LineEnd }[]): Promise<void>;
  /** Jobs that the batch gets from now on are to be cancelled, too; false when there is no such batch. */
  cancel(tenant: string, batchId: string): Promise<boolean>;
};

/** How a job that is in this status has ended; undefined when it has not. A job without a status is gone. */
export function lineEndOf(status: JobStatus | undefined): LineEnd | undefined {
  if (status === undefined) return 'expired';
  return status === 'queued' || status === 'running' ? undefined : status;
}
