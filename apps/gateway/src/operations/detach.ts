/** Detach: stops listening. The job goes on; who does not listen to it may detach, too. */
import type { Operation } from './operation.ts';

export const detach: Operation<'detach'> = async ({ attachments }, { jobId }) => {
  attachments.remove(jobId);
  return { result: {} };
};
