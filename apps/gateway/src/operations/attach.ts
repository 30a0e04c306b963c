/** Attach: listens to a job from a position, now or long after its end. */
import type { Operation } from './operation.ts';

/** Errors: those of `Attachments.add`. */
export const attach: Operation<'attach'> = async ({ attachments }, params) => {
  const { jobId, afterSeq = 0, epoch, batches } = params;
  const { attachment, begin } = await attachments.add(jobId, { afterSeq, epoch, isTogether: batches });
  const { start } = attachment;
  return { result: { jobId, epoch: start.epoch, status: start.status, lastSeq: start.lastSeq }, begin };
};
