/** How many jobs wait before one that waits, for somebody who sees it. */
import type { Client, JobHandle } from '@cc-executor/client';
import type { JobEvent } from '@cc-executor/protocol';

const LOOK_MS = 2_000;

/** Tells it every two seconds while the job is queued, until the returned function is called. */
export function watchQueue(
  client: Pick<Client, 'count'>,
  job: Pick<JobHandle, 'status'>,
  { queued, tell }: { queued: JobEvent; tell: (text: string) => void },
): () => void {
  async function look(): Promise<void> {
    const { jobs, hasMore } = await client.count({ status: 'queued', before: queued.time });
    if (job.status !== 'queued' || jobs === 0) return;
    tell(`queued, ${hasMore ? 'more than ' : ''}${jobs} before it`);
  }
  // What cannot be told now is told the next time.
  const timer = setInterval(() => look().catch(() => {}), LOOK_MS);
  return () => clearInterval(timer);
}
