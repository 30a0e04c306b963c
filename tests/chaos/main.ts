/** `npm run chaos`: a run from the command line, or another look at the history of one that failed. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { checkHistory, describeViolations, parseHistory } from '@cc-executor/testing';
import { BOUNDS, runChaos } from './run.ts';
import { saveRun } from './saved-run.ts';

const USAGE = `Seeded random faults under load; the whole history is checked afterwards.

usage: npm run chaos -- [options]
  --seed N       decides everything that is left to chance; default: a new one, which is printed
  --minutes M    how long the load and the faults last; default 2
  --visitors N   clients that come and go at the same time; default 8
  --check FILE   checks a saved history again, and runs nothing
  --help

A run that fails keeps its history and its logs in .cache/chaos/<seed>*.jsonl. Exit codes: 0 all invariants held,
1 some did not, 64 usage.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`chaos: ${(error as Error).message}\n\n${USAGE}`);
    return 64;
  }
  if (options === 'help') {
    print(USAGE.trimEnd());
    return 0;
  }
  if ('check' in options) return checkFile(options.check);
  // What it started ends with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  print(`seed ${options.seed}, ${options.minutes} minutes, ${options.visitors} visitors`);
  const result = await runChaos({ ...options, report: print });
  if (result.violations.length + result.problems.length === 0) return 0;
  print(`the history is in ${await saveRun(options.seed, result)}`);
  return 1;
}

type Options = { seed: number; minutes: number; visitors: number };

function readOptions(args: string[]): 'help' | { check: string } | Options {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '2' },
      visitors: { type: 'string', default: '8' },
      check: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help' as const;
  if (values.check !== undefined) return { check: values.check };
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
  const [minutes, visitors] = [Number(values.minutes), Number(values.visitors)];
  if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number');
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0');
  if (!Number.isSafeInteger(visitors) || visitors < 1)
    throw new Error('--visitors must be a whole number above 0');
  return { seed, minutes, visitors };
}

async function checkFile(file: string): Promise<number> {
  const history = parseHistory(await readFile(file, 'utf8'));
  const violations = checkHistory(history, { bounds: BOUNDS });
  print(violations.length === 0 ? 'all invariants held' : describeViolations(violations));
  return violations.length === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
