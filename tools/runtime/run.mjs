/**
 * Runs anything of this project on a machine that has only Node 20 or newer and npm:
 *
 *   node tools/runtime/run.mjs --setup-only          install what is missing
 *   node tools/runtime/run.mjs FILE ARGS…            run a file with the pinned Node
 *   node tools/runtime/run.mjs --bin NAME ARGS…      run a program from node_modules/.bin
 */
import { resolve } from 'node:path';
import { explain, launch, launchBin, root } from './launch.mjs';
import { ensureDependencies } from './setup.mjs';

const [first, ...rest] = process.argv.slice(2);

if (first === '--setup-only' && rest.length === 0) {
  await explain(() => ensureDependencies(root));
} else if (first === '--bin' && rest.length > 0) {
  await launchBin(rest[0], rest.slice(1));
} else if (first !== undefined && !first.startsWith('-')) {
  await launch(resolve(first), rest);
} else {
  process.stderr.write('usage: run.mjs --setup-only | --bin NAME ARGS… | FILE ARGS…\n');
  process.exitCode = 64;
}
