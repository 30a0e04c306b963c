/** How many jobs go before one that waits, for somebody who sees it. */
import type { Client, JobHandle } from '@cc-executor/client';

const LOOK_MS = 2_000;

/** What is said of a job that waits; `position`: how many of its tenant's go before it, where that is known. */
export function describeWait(position = 0): string {
  return position === 0 ? 'waiting for a worker' : `queued, ${position} before it`;
}

/** Tells it every two seconds while the job is queued, until the returned function is called. */
export function watchQueue(
  client: Pick<Client, 'get'>,
  job: Pick<JobHandle, 'jobId' | 'status'>,
  tell: (text: string) => void,
): () => void {
  async function look(): Promise<void> {
    const { position } = await client.get(job.jobId);
    if (job.status === 'queued') tell(describeWait(position));
  }
  // What cannot be told now is told the next time.
  const timer = setInterval(() => look().catch(() => {}), LOOK_MS);
  return () => clearInterval(timer);
}
