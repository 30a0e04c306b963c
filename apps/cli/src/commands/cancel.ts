/** `cc-executor cancel`: asks for the cancellation of a job, or of all that are meant. */
import type { Command } from 'commander';
import { addFilterFlags, type FilterOptions } from '../job-filter.ts';

export type CancelOptions = FilterOptions & { yes?: boolean; url?: string };

const HELP = `
Examples:
  $ cc-executor cancel job_0123456789abcdef0123456789abcdef
  $ cc-executor cancel --status queued --metadata customer=7
  $ cc-executor cancel --since 1h --text invoice --yes

Without a job id it cancels what has not ended and fits all that is named; which jobs these are is shown first, and asked about,
unless --yes says so. A running job ends a moment later; \`cc-executor attach\` shows its end.
Exit codes: 0 cancelled, 1 it had ended in another way, or nobody agreed, 2 wrong usage, 5 no gateway.`;

export function registerCancel(program: Command): void {
  const cancel = program
    .command('cancel')
    .description('cancel a job, or many')
    .argument('[job]', 'the job id, or how it begins');
  addFilterFlags(cancel, ['queued', 'running', 'unfinished'])
    .option('--yes', 'do not ask')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .addHelpText('after', HELP)
    .action(async (jobId: string | undefined, options: CancelOptions) => {
      process.exitCode = await cancelAsked(jobId, options);
    });
}

async function cancelAsked(jobId: string | undefined, options: CancelOptions): Promise<number> {
  if (jobId !== undefined) return cancelOne(jobId, options);
  const { cancelMany } = await import('../cancel-many.ts');
  return cancelMany(options);
}

async function cancelOne(text: string, { url, yes: _yes, ...named }: CancelOptions): Promise<number> {
  const [{ withJob }, { exitCodes }, { UsageError }] = await Promise.all([
    import('../resolve-job.ts'),
    import('../exit-codes.ts'),
    import('../usage-error.ts'),
  ]);
  if (Object.keys(named).length > 0) throw new UsageError('name a job, or say which jobs, not both');
  return withJob(url, text, async (client, jobId) => {
    const { accepted, status } = await client.cancel(jobId);
    const how = status === 'cancelled' ? 'is cancelled' : 'is being cancelled';
    process.stdout.write(`${jobId} ${accepted ? how : `had ended already: ${status}`}\n`);
    return accepted || status === 'cancelled' ? exitCodes.completed : exitCodes.failed;
  });
}
