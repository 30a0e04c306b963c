/** `cc-executor batch`: submits many jobs at once, follows or counts them, gives their results, cancels them. */
import { type Command, InvalidArgumentError } from 'commander';
import type { RunBatchOptions } from '../run-batch.ts';

type Options = { url?: string; idempotencyKey?: string; json?: boolean; wait?: boolean };

const MOST_AT_A_TIME = 500;

const HELP = `
Examples:
  $ printf '{"prompt": "one"}\\n{"prompt": "two"}\\n' > jobs.jsonl
  $ cc-executor batch jobs.jsonl --out results.jsonl
  $ cc-executor batch jobs.jsonl --out results.jsonl --concurrency 4
  $ cc-executor batch submit jobs.jsonl
  $ cc-executor batch get BATCH
  $ cc-executor batch results BATCH --wait | jq -r .terminal.text`;

const URL_OPTION = [
  '--url <url>',
  "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)",
] as const;

export function registerBatch(program: Command): void {
  const batch = program
    .command('batch')
    .description('submit many jobs at once, count them, get their results, cancel them')
    .addHelpText('after', HELP);
  batch
    .command('submit')
    .description(
      'submit a job for each line of a file, or of standard input; exits with 1 when a line is refused',
    )
    .argument('[file]', 'lines of JSON, each with a prompt and what else a job may ask for')
    .option('--idempotency-key <key>', 'the same key and lines give the same batch')
    .option('--json', 'print the whole answer')
    .option(...URL_OPTION)
    .action(async (file: string | undefined, options: Options) => {
      const { submitBatch } = await import('../batches.ts');
      process.exitCode = await submitBatch(file, options);
    });
  batch
    .command('run', { isDefault: true })
    .description(
      'submit a job for each line of a file, and write what became of each; the same command again goes on where it was interrupted',
    )
    .argument('<file>', 'lines of JSON, each with a prompt and what else a job may ask for')
    .requiredOption('--out <file>', 'gets one line of JSON for each, in their order')
    .option(
      '--concurrency <n>',
      'submit so many at a time, the next when one has ended (else all at once, and they wait at the gateway)',
      readConcurrency,
    )
    .option(
      '--idempotency-key <key>',
      'the same key and lines give the same batch (else made from the lines: the same file is not run twice)',
    )
    .option(...URL_OPTION)
    .addHelpText('after', '\nExit codes: 0 all completed, 1 not all, 2 wrong usage, 5 no gateway.')
    .action(async (file: string, options: RunBatchOptions) => {
      const { runBatch } = await import('../run-batch.ts');
      process.exitCode = await runBatch(file, options);
    });
  batch
    .command('get')
    .description('say how far a batch is')
    .argument('<batch>', 'its id')
    .option('--json', 'print it as JSON')
    .option(...URL_OPTION)
    .action(async (batchId: string, options: Options) => {
      const { showBatch } = await import('../batches.ts');
      await showBatch(batchId, options);
    });
  batch
    .command('results')
    .description('print what became of each line, as a line of JSON, in their order')
    .argument('<batch>', 'its id')
    .option('--wait', 'when all of it has ended')
    .option(...URL_OPTION)
    .action(async (batchId: string, options: Options) => {
      const { printResults } = await import('../batches.ts');
      await printResults(batchId, options);
    });
  batch
    .command('cancel')
    .description('cancel what has not ended of a batch, and what it may still get')
    .argument('<batch>', 'its id')
    .option(...URL_OPTION)
    .action(async (batchId: string, { url }: Options) => {
      const { cancelBatch } = await import('../batches.ts');
      await cancelBatch(batchId, url);
    });
}

function readConcurrency(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_AT_A_TIME) return count;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_AT_A_TIME}.`);
}
