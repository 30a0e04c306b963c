/** `cc-executor explain`: what happened to a job, when, what it cost, and who was handed its end. */
import type { Command } from 'commander';

type ExplainOptions = { url?: string; json?: boolean };

const HELP = `
Examples:
  $ cc-executor explain job_0123456789abcdef0123456789abcdef
  $ cc-executor explain JOB --json | jq .listeners

Reads what there is now, and does not wait for a job that still runs.`;

export function registerExplain(program: Command): void {
  program
    .command('explain')
    .description('tell what happened to a job: when, what it cost, who was handed its end')
    .argument('<job>', 'the job id, or how it begins')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print it as one JSON object')
    .addHelpText('after', HELP)
    .action(async (text: string, options: ExplainOptions) => {
      const [{ withJob }, { explainJob }, { describeExplanation }, { colorsFor }, { wrapFor }] =
        await Promise.all([
          import('../resolve-job.ts'),
          import('../explain-job.ts'),
          import('../describe-explanation.ts'),
          import('../colors.ts'),
          import('../wrap.ts'),
        ]);
      const explanation = await withJob(options.url, text, explainJob, { watch: true });
      const output = options.json
        ? `${JSON.stringify(explanation)}\n`
        : wrapFor(process.stdout, describeExplanation(explanation, colorsFor(process.stdout)));
      process.stdout.write(output);
    });
}
