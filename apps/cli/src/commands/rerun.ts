/** `cc-executor rerun`: runs a job once more, and prints the answer as it comes. */
import type { Command } from 'commander';

type RerunOptions = {
  idempotencyKey?: string;
  traceparent?: string;
  detach?: boolean;
  url?: string;
  json?: boolean;
  quiet?: boolean;
  plain?: boolean;
};

const HELP = `
Examples:
  $ cc-executor rerun job_0123456789abcdef0123456789abcdef
  $ cc-executor rerun JOB --detach

A new job asks for all that the old one did, in whatever way that ended: prompt, options, limits, metadata, what was entrusted to it.
\`cc-executor get\` shows of which job it is the rerun. Ctrl-C and exit codes: as for run.`;

export function registerRerun(program: Command): void {
  program
    .command('rerun')
    .description('run a job once more, as a new one')
    .argument('<job>', 'the job id, or how it begins')
    .option('--idempotency-key <key>', 'the same key gives the same new job')
    .option('--traceparent <context>', 'what it is a part of, where jobs are traced (else TRACEPARENT)')
    .option('--detach', 'print the new job id and leave')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print the events, one JSON object a line, and nothing else')
    .option('--quiet', 'print the answer and nothing else')
    .option('--plain', 'print the answer as it is written, without rendering its Markdown on a terminal')
    .addHelpText('after', HELP)
    .action(async (text: string, { idempotencyKey, traceparent: given, ...options }: RerunOptions) => {
      const [{ startAndFollow }, { resolveJobId }, { inheritedTraceparent }] = await Promise.all([
        import('../run-prompt.ts'),
        import('../resolve-job.ts'),
        import('../traceparent.ts'),
      ]);
      const traceparent = given ?? inheritedTraceparent();
      const params = {
        ...(traceparent === undefined ? {} : { traceparent }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        ...(options.detach ? { attach: false } : {}),
      };
      process.exitCode = await startAndFollow(
        async (client) => client.rerun(await resolveJobId(client, text), params),
        options,
      );
    });
}
