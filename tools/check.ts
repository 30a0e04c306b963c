/**
 * `npm run check`: everything that is checked without running it, at the same time. What each has to say comes whole, in the
 * order in which they end. Exits with 1 when one of them fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const run = fileURLToPath(new URL('runtime/run.mjs', import.meta.url));
const generate = fileURLToPath(new URL('generate/main.ts', import.meta.url));

const checks: readonly string[][] = [
  // More than one checker would check the same types several times over.
  ['--bin', 'tsc', '-p', 'tsconfig.json', '--checkers', '1'],
  ['--bin', 'biome', 'check', '.'],
  ['--bin', 'knip', '--no-progress'],
  [generate, '--check'],
];

/** `tsc` is a Go program, which lives too shortly to collect garbage: that takes a quarter of its time, for a tenth of its memory. */
const env = { ...process.env, GOGC: 'off', GOMEMLIMIT: '3GiB' };

async function check(args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [run, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
  const [code] = await once(child, 'close');
  process.stdout.write(Buffer.concat(said));
  return code === 0;
}

const passed = await Promise.all(checks.map(check));
if (passed.includes(false)) process.exitCode = 1;
