/** `cc-executor redeliver`: sends the webhook of a job again. */
import type { Command } from 'commander';

const HELP = `
Example:
  $ cc-executor redeliver job_0123456789abcdef0123456789abcdef

It has the id that it had: a receiver that has taken it before knows it again. \`cc-executor get\` shows how it goes.
Exit codes: 0 it is sent again, 1 there is none to be sent, 2 wrong usage, 5 no gateway.`;

export function registerRedeliver(program: Command): void {
  program
    .command('redeliver')
    .description('send the webhook of an ended job again')
    .argument('<job>', 'the job id, or how it begins')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .addHelpText('after', HELP)
    .action(async (text: string, { url }: { url?: string }) => {
      const { withJob } = await import('../resolve-job.ts');
      const { id, origin } = await withJob(url, text, (client, jobId) => client.redeliver(jobId));
      process.stdout.write(`${id} is sent again to ${origin}\n`);
    });
}
