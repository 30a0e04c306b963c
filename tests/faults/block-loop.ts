/**
 * Loaded into a process under test (`--import`): at a signal its event loop stands still, as during a long computation.
 * It says so first, on standard output.
 */
import { writeSync } from 'node:fs';

export const BLOCKED = 'the event loop is blocked';

/**
 * The environment that loads this file into a process.
 * @param blocks for how many ms the loop stands still at which signal
 */
export function blockableLoop(blocks: Partial<Record<NodeJS.Signals, number>>): Record<string, string> {
  const query = new URLSearchParams({ blocks: JSON.stringify(blocks) });
  return { NODE_OPTIONS: `--import=${new URL(`?${query}`, import.meta.url).href}` };
}

const blocks = JSON.parse(new URL(import.meta.url).searchParams.get('blocks') ?? '{}');
for (const [signal, ms] of Object.entries<number>(blocks)) {
  process.on(signal, () => {
    writeSync(1, `${BLOCKED}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  });
}
