/**
 * Loaded into a process under test (`--import`): at SIGUSR2 its event loop stands still for `?ms=`, as during a long
 * computation. It says so first, on standard output.
 */
import { writeSync } from 'node:fs';

export const BLOCKED = 'the event loop is blocked';

/** The environment that loads this file into a process. */
export function blockableLoop(ms: number): Record<string, string> {
  return { NODE_OPTIONS: `--import=${new URL(`?ms=${ms}`, import.meta.url).href}` };
}

const ms = Number(new URL(import.meta.url).searchParams.get('ms'));
if (ms > 0) {
  process.on('SIGUSR2', () => {
    writeSync(1, `${BLOCKED}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  });
}
