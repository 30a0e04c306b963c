/** `cc-executor cancel`: asks for a job's cancellation. */
import type { Command } from 'commander';

const HELP = `
Example:
  $ cc-executor cancel job_0123456789abcdef0123456789abcdef

A running job ends a moment later; \`cc-executor attach\` shows its end.
Exit codes: 0 the job is cancelled, 1 it had ended in another way, 2 wrong usage, 5 no gateway.`;

export function registerCancel(program: Command): void {
  program
    .command('cancel')
    .description('cancel a job')
    .argument('<job>', 'the job id')
    .option('--url <url>', 'the gateway (else CC_EXECUTOR_URL, else ws://127.0.0.1:8003/ws)')
    .addHelpText('after', HELP)
    .action(async (jobId: string, options: { url?: string }) => {
      process.exitCode = await cancel(jobId, options.url);
    });
}

async function cancel(jobId: string, url: string | undefined): Promise<number> {
  const [{ withClient }, { exitCodes }] = await Promise.all([
    import('../open-client.ts'),
    import('../exit-codes.ts'),
  ]);
  const { accepted, status } = await withClient(url, (client) => client.cancel(jobId));
  const how = status === 'cancelled' ? 'is cancelled' : 'is being cancelled';
  process.stdout.write(`${jobId} ${accepted ? how : `had ended already: ${status}`}\n`);
  return accepted || status === 'cancelled' ? exitCodes.completed : exitCodes.failed;
}
