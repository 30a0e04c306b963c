/** `cc-executor verify`: whether a job's output is really what Claude said. */
import type { Command } from 'commander';

type VerifyOptions = { url?: string; json?: boolean };

const HELP = `
Examples:
  $ cc-executor verify job_0123456789abcdef0123456789abcdef
  $ cc-executor verify JOB --json | jq -r .verdict

Compares the text in the job's log with the digest in its terminal event, and that with Claude's own transcript, which
a worker asks claude-api for.
Exit codes: 0 verified, 1 they do not fit, 6 it cannot be told (the reason is printed), 2 wrong usage, 5 no gateway.`;

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description("check a job's output against Claude's own transcript")
    .argument('<job>', 'the job id, or how it begins')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print what was found as one JSON object')
    .addHelpText('after', HELP)
    .action(async (text: string, options: VerifyOptions) => {
      process.exitCode = await verify(text, options);
    });
}

async function verify(text: string, { url, json }: VerifyOptions): Promise<number> {
  const [{ withJob }, { exitCodes }, { harmlessOn }] = await Promise.all([
    import('../resolve-job.ts'),
    import('../exit-codes.ts'),
    import('../harmless.ts'),
  ]);
  const { jobId, ...found } = await withJob(url, text, async (client, jobId) => ({
    jobId,
    ...(await client.verify(jobId)),
  }));
  const { verdict, part, reason, message } = found;
  const what = [verdict, part ?? reason].filter((word) => word !== undefined).join(' ');
  const line = `${jobId} ${what}: ${harmlessOn(process.stdout, message)}`;
  process.stdout.write(`${json ? JSON.stringify(found) : line}\n`);
  if (verdict === 'verified') return exitCodes.completed;
  return verdict === 'mismatch' ? exitCodes.failed : exitCodes.notVerifiable;
}
