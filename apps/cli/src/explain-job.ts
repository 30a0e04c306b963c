/** What is known of a job now, with the timeline that its events make. */
import type { Client } from '@cc-executor/client';
import type { Result } from '@cc-executor/protocol';
import { isTerminalEvent } from '@cc-executor/protocol/plain';
import { createTimeline, type Moment } from '@cc-executor/timeline';

export type Explanation = Result<'get'> & { timeline: readonly Moment[]; moreTools: number };

/** Errors: `job_not_found`. */
export async function explainJob(client: Client, jobId: string): Promise<Explanation> {
  const job = await client.get(jobId);
  const timeline = createTimeline();
  if (job.lastSeq > 0) {
    for await (const event of (await client.attach(jobId)).events()) {
      timeline.take(event);
      if (event.seq >= job.lastSeq || isTerminalEvent(event)) break;
    }
  }
  return { ...job, timeline: timeline.moments(), moreTools: timeline.moreTools() };
}
