/** Attach: listens to a job from a position, or from a snapshot of it, now or long after its end. */
import type { Operation } from './operation.ts';

/** Errors: those of `Attachments.add`. */
export const attach: Operation<'attach'> = async ({ tenant, attachments }, params) => {
  const { jobId, afterSeq = 0, from = afterSeq, epoch, batches: isTogether, watch: watches } = params;
  const place = { afterSeq: from, epoch, isTogether, watches };
  const attaching = await attachments.add({ tenant, jobId }, place);
  const { snapshotSeq, begin } = attaching;
  const { start } = attaching.attachment;
  const result = { jobId, epoch: start.epoch, status: start.status, lastSeq: start.lastSeq };
  return { result: snapshotSeq === undefined ? result : { ...result, snapshotSeq }, begin };
};
