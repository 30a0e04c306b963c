/** `cc-executor body`: the whole message of an event that was too large for a frame. */
import { type Command, InvalidArgumentError } from 'commander';

type BodyOptions = { url?: string };

const HELP = `
Examples:
  $ cc-executor attach JOB --json | jq -c 'select(.truncated.kept) | .seq'
  $ cc-executor body job_0123456789abcdef0123456789abcdef 17 | jq -r '.message.content[].content'

Prints it as one JSON object, checked against the digest that its event names.`;

export function registerBody(program: Command): void {
  program
    .command('body')
    .description('print the whole message of an event that shows a shortened one')
    .argument('<job>', 'the job id, or how it begins')
    .argument('<seq>', 'which event', readSeq)
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .addHelpText('after', HELP)
    .action(async (text: string, seq: number, { url }: BodyOptions) => {
      const [{ withJob }, { harmlessOn }] = await Promise.all([
        import('../resolve-job.ts'),
        import('../harmless.ts'),
      ]);
      const message = await withJob(url, text, (client, jobId) => client.eventBody(jobId, seq));
      process.stdout.write(`${harmlessOn(process.stdout, JSON.stringify(message))}\n`);
    });
}

function readSeq(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}
