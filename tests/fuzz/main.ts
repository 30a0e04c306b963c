/** `npm run fuzz`: a run from the command line. */
import { parseArgs } from 'node:util';
import { percent, runFuzz } from './run.ts';

const USAGE = `Seeded frames of all kinds for a gateway of its own, about half of them requests by their form.

usage: npm run fuzz -- [options]
  --seed N       decides what is sent; default: a new one, which is printed
  --frames N     how many the gateway looks at; default 100000
  --senders N    processes that send, with 16 connections each; default 2
  --help

Exit codes: 0 the gateway lives, is at its memory baseline, and the victim's p99 was under 250 ms; 1 not so; 64 usage.
`;
const P99_MS = 250;
/** What a gateway keeps after work: code that was compiled, memory that the system gets back later. */
const BASELINE_BYTES = 128 * 1024 * 1024;
const MB = 1024 * 1024;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`fuzz: ${(error as Error).message}\n\n${USAGE}`);
    return 64;
  }
  if (options === 'help') {
    print(USAGE.trimEnd());
    return 0;
  }
  // What it started ends with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  print(`seed ${options.seed}, ${options.frames} frames`);
  const result = await runFuzz({ ...options, report: print });
  const { looked, requests, sent, tookMs, p99Ms, answers, memory, isAlive } = result;
  print(
    `${looked} frames of ${sent} that were sent were looked at in ${Math.round(tookMs / 1_000)} s (${Math.round((1_000 * looked) / tookMs)} a second); ` +
      `${percent(requests, looked)} of them were requests`,
  );
  print(`the victim had ${answers} answers, 99% of them within ${Math.round(p99Ms)} ms`);
  if (memory) {
    const { before, most, after } = memory;
    print(
      `memory: ${[before, most, after].map((bytes) => Math.round(bytes / MB)).join(', ')} MiB before, at most, after`,
    );
  }
  print(isAlive ? 'the gateway serves' : 'the gateway does not serve');
  const isAtBaseline = !memory || memory.after - memory.before < BASELINE_BYTES;
  return isAlive && isAtBaseline && p99Ms < P99_MS ? 0 : 1;
}

function readOptions(args: string[]): 'help' | { seed: number; frames: number; senders: number } {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      frames: { type: 'string', default: '100000' },
      senders: { type: 'string', default: '2' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help' as const;
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
  const [frames, senders] = [Number(values.frames), Number(values.senders)];
  if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number');
  for (const [name, count] of Object.entries({ frames, senders })) {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new Error(`--${name} must be a whole number above 0`);
  }
  return { seed, frames, senders };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
