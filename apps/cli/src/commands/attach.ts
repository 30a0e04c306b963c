/** `cc-executor attach`: follows a job that is there already. */
import { type Command, InvalidArgumentError } from 'commander';

type AttachOptions = { after: number; url?: string; json?: boolean; quiet?: boolean; plain?: boolean };

const HELP = `
Examples:
  $ cc-executor attach job_0123456789abcdef0123456789abcdef
  $ cc-executor attach JOB --after 120 --json

Also works for a job that has ended, until its retention has passed. Ctrl-C stops listening; the job goes on.
Exit codes: as for run.`;

export function registerAttach(program: Command): void {
  program
    .command('attach')
    .description('print what a job puts out, from its start or from a position')
    .argument('<job>', 'the job id, or how it begins')
    .option('--after <seq>', 'begin after this event', readSeq, 0)
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print the events, one JSON object a line, and nothing else')
    .option('--quiet', 'print the answer and nothing else')
    .option('--plain', 'print the answer as it is written, without rendering its Markdown on a terminal')
    .addHelpText('after', HELP)
    .action(async (jobId: string, options: AttachOptions) => {
      process.exitCode = await attach(jobId, options);
    });
}

async function attach(text: string, options: AttachOptions): Promise<number> {
  const [{ withJob }, { createScreen }, { followJob }, { handleInterrupts }] = await Promise.all([
    import('../resolve-job.ts'),
    import('../screen.ts'),
    import('../follow.ts'),
    import('../interrupts.ts'),
  ]);
  const json = options.json === true;
  const screen = createScreen({ quiet: options.quiet === true, json, plain: options.plain === true });
  const stopListening = handleInterrupts(
    () => false,
    () => {
      screen.stop();
      screen.note(`Stopped listening; the job was not cancelled. To cancel it: cc-executor cancel ${text}`);
    },
  );
  try {
    return await withJob(options.url, text, async (client, jobId) => {
      const job = await client.attach(jobId, { afterSeq: options.after });
      return await followJob(client, job, { screen, json });
    });
  } finally {
    stopListening();
  }
}

function readSeq(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 0.');
}
