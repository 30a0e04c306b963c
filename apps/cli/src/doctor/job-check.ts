/** Proof by work: a tiny job, and its terminal event. */
import { ClientError, createClient } from '@cc-executor/client';
import type { TerminalEvent } from '@cc-executor/protocol';
import { within } from '@cc-executor/runtime';
import { tokenOptions } from '../config.ts';
import { type Finding, fail, ok } from './finding.ts';

const SUBJECT = 'client → … → claude-api';
const PROMPT = 'Answer with the single word: ok';

/** Runs one job. @param timeoutMs for all of it; the job is cancelled then */
export async function runJob(url: string, timeoutMs: number): Promise<Finding> {
  const client = createClient({ url, ...tokenOptions(url) });
  const from = performance.now();
  try {
    const job = await client.execute({
      prompt: PROMPT,
      onDisconnect: 'cancel',
      timeouts: { queueMs: timeoutMs, totalMs: timeoutMs },
      metadata: { by: 'doctor' },
    });
    const event = await within(job.done(), timeoutMs + 5_000, { late: () => undefined });
    const latencyMs = Math.round(performance.now() - from);
    if (event === undefined) {
      return fail(
        SUBJECT,
        `${job.jobId}: accepted, but no end after ${latencyMs} ms`,
        'See what is wrong above.',
      );
    }
    if (event.type === 'completed') return ok(SUBJECT, `a job ran and completed (${job.jobId})`, latencyMs);
    return fail(
      SUBJECT,
      `a job ended as ${event.type}: ${reasonOf(event)}`,
      `\`cc-executor get ${job.jobId}\` shows it.`,
    );
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return fail(SUBJECT, `no job could be run: ${error.code}: ${error.message}`, 'See what is wrong above.');
  } finally {
    await client.close();
  }
}

function reasonOf(event: Exclude<TerminalEvent, { type: 'completed' }>): string {
  switch (event.type) {
    case 'failed':
      return `${event.error.code}: ${event.error.message}`;
    case 'cancelled':
      return 'it was cancelled';
    case 'timed_out':
      return `the ${event.limit} limit passed`;
    default:
      return event satisfies never;
  }
}
