/** `cc-executor get`: what the gateway knows of one job. */
import type { Command } from 'commander';

type GetOptions = { url?: string; json?: boolean };

const HELP = `
Examples:
  $ cc-executor get job_0123456789abcdef0123456789abcdef
  $ cc-executor get JOB --json | jq .terminal.costUsd`;

export function registerGet(program: Command): void {
  program
    .command('get')
    .description('show a job: status, times, how it ended')
    .argument('<job>', 'the job id, or how it begins')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print it as one JSON object')
    .addHelpText('after', HELP)
    .action(async (text: string, options: GetOptions) => {
      const [{ withJob }, { describeJob }, { wrapFor }] = await Promise.all([
        import('../resolve-job.ts'),
        import('../describe-job.ts'),
        import('../wrap.ts'),
      ]);
      const job = await withJob(options.url, text, (client, jobId) => client.get(jobId));
      process.stdout.write(
        options.json ? `${JSON.stringify(job)}\n` : wrapFor(process.stdout, describeJob(job)),
      );
    });
}
