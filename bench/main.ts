/** `npm run bench`: measures the cases one after another, prints each when it is done, and all goals at the end. */
import { writeFile } from 'node:fs/promises';
import { type Bench, openBench } from './bench.ts';
import type { AnyCase } from './case.ts';
import { cases } from './cases/index.ts';
import { describeMachine } from './measure/machine.ts';
import { type Options, readOptions, usage } from './options.ts';
import { type Finished, formatCase, formatEnd, formatMachine, type Report } from './report.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args, cases);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage(cases)}`);
    return 64;
  }
  if (options === 'help') {
    print(usage(cases).split('\n'));
    return 0;
  }
  // What it started ends with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  // Nobody wants to learn at the end that it cannot be written.
  if (options.json !== undefined) await writeFile(options.json, '');
  const report = await runCases(options);
  print(formatEnd(report));
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 1)}\n`);
  const isMissed = report.cases.some(({ goals }) => goals.some(({ verdict }) => verdict !== 'met'));
  return report.faults.length > 0 || (options.isStrict && isMissed) ? 1 : 0;
}

async function runCases({ cases: chosen, rounds, isSmoke }: Options): Promise<Report> {
  const at = new Date().toISOString();
  const machine = await describeMachine();
  print([at, ...formatMachine(machine)]);
  const finished: Finished[] = [];
  const warnings: string[] = [];
  const faults: string[] = [];
  let current = '';
  const bench = await openBench({
    rounds,
    isSmoke,
    onWarning: (text) => void warnings.push(`${current}: ${text}`),
    onFault: (text) => void faults.push(`${current}: ${text}`),
  });
  try {
    for (const one of chosen) {
      current = one.name;
      try {
        finished.push(await runCase(bench, one));
      } catch (error) {
        const { message, stack } = error as Error;
        faults.push(`${current}: ${stack}`);
        const { name, title } = one;
        finished.push({ name, title, ...one.leaveOpen(message), seconds: 0 });
      }
      print(formatCase(finished.at(-1)!));
      await bench.renewSystems();
    }
  } finally {
    await bench.close();
  }
  return { at, machine, rounds, isSmoke, cases: finished, warnings, faults };
}

async function runCase(bench: Bench, { name, title, run }: AnyCase): Promise<Finished> {
  const startedAt = performance.now();
  const result = await run(bench);
  return { name, title, ...result, seconds: (performance.now() - startedAt) / 1_000 };
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
