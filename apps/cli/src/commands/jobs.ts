/** `cc-executor jobs`: the newest jobs, all or those that are meant. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStatus } from '@cc-executor/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { addFilterFlags, type FilterOptions, readFilter } from '../job-filter.ts';

type JobsOptions = FilterOptions & {
  limit: number;
  count?: boolean;
  watch?: boolean;
  url?: string;
  json?: boolean;
};

// The list is not imported: the protocol's schemas take longer to load than --help may take.
const statuses: Record<JobStatus | 'unfinished', true> = {
  queued: true,
  running: true,
  completed: true,
  failed: true,
  cancelled: true,
  timed_out: true,
  unfinished: true,
};
const MOST = 10_000;
const WATCH_MS = 2_000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

const HELP = `
Examples:
  $ cc-executor jobs
  $ cc-executor jobs --status failed --limit 5
  $ cc-executor jobs --since 2h --metadata customer=7 --text invoice
  $ cc-executor jobs --status unfinished --watch
  $ cc-executor jobs --status failed --since 1d --count
  $ cc-executor jobs --json | jq -r .jobId

A job has to fit all that is named. On a narrow terminal ids are cut short; every command takes them so.`;

export function registerJobs(program: Command): void {
  const jobs = program.command('jobs').description('list jobs, newest first');
  addFilterFlags(jobs, Object.keys(statuses))
    .option('--limit <n>', 'at most so many', readLimit, 20)
    .option('--count', 'say how many there are, and list none')
    .option('--watch', 'show them anew every two seconds, until Ctrl-C')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .action(listJobs);
}

async function listJobs({ limit, url, json, count, watch, ...named }: JobsOptions): Promise<void> {
  const [{ withClient }, { fetchJobs, renderJobs }, { UsageError }, { columnsOf }] = await Promise.all([
    import('../open-client.ts'),
    import('../job-table.ts'),
    import('../usage-error.ts'),
    import('../wrap.ts'),
  ]);
  const { stdout, stderr } = process;
  if (watch && (json || count || !stdout.isTTY))
    throw new UsageError('--watch is for a terminal, without --json and --count');
  const filter = readFilter(named, Date.now());
  await withClient(url, async (client) => {
    if (count) {
      const counted = await client.count(filter);
      const words = `${counted.hasMore ? 'more than ' : ''}${counted.jobs}`;
      return void stdout.write(`${json ? JSON.stringify(counted) : words}\n`);
    }
    for (;;) {
      const { jobs, hasMore } = await fetchJobs(client, { ...filter, limit });
      if (json) return void stdout.write(jobs.map((job) => `${JSON.stringify(job)}\n`).join(''));
      const table = renderJobs(jobs, Date.now(), { width: columnsOf(stdout) });
      stdout.write(watch ? `${CLEAR_SCREEN}${table}` : table);
      if (hasMore) stderr.write(`There are more: --limit ${Math.min(limit * 5, MOST)}\n`);
      if (!watch) return;
      await sleep(WATCH_MS);
    }
  });
}

function readLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST) return limit;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST}.`);
}
