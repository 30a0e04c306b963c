/**
 * Before any test: bundles the programs that tests start, and says so. A run of a few files takes only bundles that are
 * there already; otherwise it starts the sources, as `TEST_BUNDLES=off` makes every run do.
 */
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { findBundles } from '../../tools/bundles.ts';

/** Making bundles takes as long as what they save in the tests of about as many files. */
const WORTHWHILE_FILES = 10;

/** Runs once, before all workers, which inherit the environment. */
export default async function setup({ vitest }: TestProject): Promise<void> {
  if (process.env.TEST_BUNDLES === 'off') return say('The tests start the sources (TEST_BUNDLES=off).');
  // Sources change while it watches.
  if (vitest.config.watch) return;
  const root = fileURLToPath(new URL('../../', import.meta.url));
  try {
    const mayMake = vitest.state.getPaths().length >= WORTHWHILE_FILES;
    const bundles = await findBundles(root, { mayMake });
    if (bundles === undefined) return;
    process.env.TEST_BUNDLES = bundles.folder;
    const made = bundles.tookMs === undefined ? '' : `, made in ${Math.round(bundles.tookMs)} ms`;
    say(`The tests start bundles of the programs (${bundles.folder}${made}); TEST_BUNDLES=off: the sources.`);
  } catch (error) {
    say(`*** The tests start the sources: they cannot be bundled: ${error} ***`);
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
