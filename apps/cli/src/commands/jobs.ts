/** `cc-executor jobs`: the newest jobs. */
import type { JobStatus } from '@cc-executor/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';

type JobsOptions = { status?: JobStatus; limit: number; url?: string; json?: boolean };

// The list is not imported: the protocol's schemas take longer to load than --help may take.
const statuses: Record<JobStatus, true> = {
  queued: true,
  running: true,
  completed: true,
  failed: true,
  cancelled: true,
  timed_out: true,
};
const MOST = 10_000;

const HELP = `
Examples:
  $ cc-executor jobs
  $ cc-executor jobs --status failed --limit 5
  $ cc-executor jobs --json | jq -r .jobId`;

export function registerJobs(program: Command): void {
  program
    .command('jobs')
    .description('list jobs, newest first')
    .addOption(new Option('--status <status>', 'only jobs in this status').choices(Object.keys(statuses)))
    .option('--limit <n>', 'at most so many', readLimit, 20)
    .option('--url <url>', 'the gateway (else CC_EXECUTOR_URL, else ws://127.0.0.1:8003/ws)')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .action(listJobs);
}

async function listJobs(options: JobsOptions): Promise<void> {
  const [{ withClient }, { fetchJobs, renderJobs }] = await Promise.all([
    import('../open-client.ts'),
    import('../job-table.ts'),
  ]);
  const { jobs, hasMore } = await withClient(options.url, (client) => fetchJobs(client, options));
  if (options.json) {
    process.stdout.write(jobs.map((job) => `${JSON.stringify(job)}\n`).join(''));
    return;
  }
  process.stdout.write(renderJobs(jobs, Date.now()));
  if (hasMore) process.stderr.write(`There are more: --limit ${Math.min(options.limit * 5, MOST)}\n`);
}

function readLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST) return limit;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST}.`);
}
