/** Many jobs that have ended, in all ways and with all that lists show, written as gateways and workers write them. */
import type { AcceptLog, WriteLog } from '@cc-executor/job-log';
import { createEpoch, createJobId, type TerminalBody } from '@cc-executor/protocol';

/** So many are written at once. */
const STEP = 250;
const model = { inputTokens: 1_200, outputTokens: 340, cacheReadTokens: 9_000, cacheCreationTokens: 0 };
const WORDS = ['Sort the invoices', 'Explain the failing test', 'Translate the letter', 'Review the change'];

/**
 * Of ten one fails, one is cancelled and one is out of time. Job `i` has `row: i` and `customer: i % 100` in its metadata.
 *
 * @returns their ids, the oldest first
 */
export async function writeManyJobs(
  log: Pick<AcceptLog, 'create' | 'enqueued'> & Pick<WriteLog, 'begin' | 'append'>,
  { count, tenant }: { count: number; tenant: string },
): Promise<string[]> {
  const jobIds = Array.from({ length: count }, () => createJobId());

  async function write(jobId: string, i: number): Promise<void> {
    const title = `${WORDS[i % WORDS.length]} of customer ${i % 100}, number ${i}`;
    const limits = { queueMs: 600_000, totalMs: 600_000, retry: 'safe' } as const;
    const spec = { prompt: title, metadata: { row: i, customer: i % 100 } };
    await log.create({ jobId, epoch: createEpoch(), tenant, title, spec, ...limits });
    await Promise.all([log.enqueued(jobId), log.begin(jobId, 600_000, 'seed')]);
    const ending = endingOf(i);
    const { costUsd } = ending;
    await log.append({
      ...{
        jobId,
        fence: 1,
        firstSeq: 2,
        hasOutput: true,
        terminal: ending.type,
        ageMs: 900 + (i % 700) * 40,
      },
      bodies: [{ type: 'started' }, { type: 'output', text: 'Done.' }, ending].map((body) =>
        JSON.stringify(body),
      ),
      ending: { costUsd, failure: ending.type === 'failed' ? ending.error.code : undefined },
    });
  }

  for (let from = 0; from < count; from += STEP) {
    await Promise.all(jobIds.slice(from, from + STEP).map((jobId, i) => write(jobId, from + i)));
  }
  return jobIds;
}

function endingOf(i: number): TerminalBody {
  const costUsd = 0.01 + (i % 50) / 1_000;
  const name = i % 3 === 0 ? 'claude-haiku-4-5' : 'claude-opus-4-5';
  const timings = {
    queueMs: (i * 7) % 3_000,
    startMs: 400 + (i % 200),
    firstOutputMs: 900 + ((i * 13) % 4_000),
  };
  const summary = { costUsd, timings, models: { [name]: { ...model, costUsd } } };
  switch (i % 10) {
    case 0:
      return {
        type: 'failed',
        error: { code: 'claude_auth', message: 'Log in again.', retrySafe: false },
        ...summary,
        partial: true,
      };
    case 1:
      return { type: 'cancelled', by: 'client', partial: true, ...summary };
    case 2:
      return { type: 'timed_out', limit: 'total', partial: true, ...summary };
    default:
      return { type: 'completed', text: 'Done.', evidence: 'result-line', ...summary };
  }
}
