/** Cancels all jobs that a filter names, once somebody who has seen them agrees. */
import { createInterface } from 'node:readline/promises';
import type { Client } from '@cc-executor/client';
import type { Job, Params, Result } from '@cc-executor/protocol';
import type { CancelOptions } from './commands/cancel.ts';
import { exitCodes } from './exit-codes.ts';
import { type JobFilter, readFilter } from './job-filter.ts';
import { fetchJobs, renderJobs } from './job-table.ts';
import { withClient } from './open-client.ts';
import { UsageError } from './usage-error.ts';
import { columnsOf } from './wrap.ts';

const SHOWN = 20;
/** More are not counted. */
const COUNTED = 1_000;

/** Resolves with the exit code. Errors: `UsageError`, `ClientError`. */
export async function cancelMany({ url, yes = false, ...named }: CancelOptions): Promise<number> {
  const filter = readFilter(named, Date.now());
  if (Object.keys(filter).length === 0)
    throw new UsageError('name a job, or say which jobs: --help shows how');
  const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (!yes && !canAsk) throw new UsageError('there is nobody to ask: --yes cancels without asking');
  return withClient(url, async (client) => {
    const { jobs, hasMore } = await fetchJobs(client, { status: 'unfinished', ...filter, limit: COUNTED });
    const [newest] = jobs;
    if (newest === undefined) {
      process.stderr.write('There are no such jobs that have not ended.\n');
      return exitCodes.completed;
    }
    show(jobs, hasMore);
    if (!yes && !(await agreed())) return exitCodes.failed;
    // Not what was accepted since.
    const { cancelled, ended } = await cancelAll(client, { ...filter, before: newest.createdAt + 1 });
    process.stdout.write(`${cancelled} cancelled${ended > 0 ? `, ${ended} had ended already` : ''}\n`);
    return exitCodes.completed;
  });
}

function show(jobs: Job[], hasMore: boolean): void {
  process.stderr.write(renderJobs(jobs.slice(0, SHOWN), Date.now(), { width: columnsOf(process.stderr) }));
  const more = jobs.length - SHOWN;
  if (more > 0) process.stderr.write(`and ${hasMore ? 'more than ' : ''}${more} more\n`);
}

async function agreed(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question('Cancel these jobs? [y/N] ');
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function cancelAll(client: Client, filter: JobFilter): Promise<{ cancelled: number; ended: number }> {
  const count = { cancelled: 0, ended: 0 };
  let cursor: string | undefined;
  do {
    const params = { ...filter, ...(cursor === undefined ? {} : { cursor }) } as Params<'cancelMany'>;
    const page: Result<'cancelMany'> = await client.cancelMany(params);
    for (const { accepted } of page.jobs) count[accepted ? 'cancelled' : 'ended'] += 1;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}
