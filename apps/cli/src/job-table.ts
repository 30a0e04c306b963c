/** The jobs of a gateway, page by page, as a table. */
import type { Client } from '@cc-executor/client';
import type { Job, JobStatus, Result } from '@cc-executor/protocol';
import { type Colors, colorsFor } from './colors.ts';
import { describeStatus } from './describe-job.ts';
import { formatDuration, formatTime, oneLine } from './format.ts';

const PAGE = 100;
const MAX_METADATA = 40;

/** Reads as many pages as `limit` needs. */
export async function fetchJobs(
  client: Pick<Client, 'list'>,
  { status, limit }: { status?: JobStatus; limit: number },
): Promise<{ jobs: Job[]; hasMore: boolean }> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const page: Result<'list'> = await client.list({
      limit: Math.min(PAGE, limit - jobs.length),
      ...(status === undefined ? {} : { status }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    jobs.push(...page.jobs);
    cursor = page.cursor;
  } while (cursor !== undefined && jobs.length < limit);
  return { jobs, hasMore: cursor !== undefined };
}

/** One line a job, newest first. `now` is a Unix time in ms. */
export function renderJobs(jobs: Job[], now: number, colors: Colors = colorsFor(process.stdout)): string {
  if (jobs.length === 0) return 'no jobs\n';
  const head = ['JOB', 'STATUS', 'CREATED', 'TOOK', 'EVENTS', 'METADATA'];
  const rows = jobs.map((job) => [
    job.jobId,
    describeStatus(job),
    formatTime(job.createdAt),
    tookOf(job, now),
    String(job.lastSeq),
    job.metadata === undefined ? '' : oneLine(JSON.stringify(job.metadata), MAX_METADATA),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return `${[colors.bold(line(head)), ...rows.map(line)].join('\n')}\n`;
}

function tookOf({ startedAt, endedAt }: Job, now: number): string {
  // The clocks of this machine and Redis may differ a little.
  return startedAt === undefined ? '' : formatDuration(Math.max((endedAt ?? now) - startedAt, 0));
}
