/**
 * What makes Node start a program of ours with less work: code that is compiled already, in this checkout's cache, and the
 * program's bundle where the tests' set-up has one (`TEST_BUNDLES` names their folder).
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Arguments of Node that run a program.
 * @param program absolute path of its source
 * @param bundles a folder of bundles; what is not there is run from its source
 */
export function quickStart(program: string, bundles = process.env.TEST_BUNDLES): readonly string[] {
  const bundle = join(bundles ?? '', relative(ROOT, program).replace(/\.ts$/, '.mjs'));
  const cache = pathToFileURL(join(ROOT, 'tools/runtime/compile-cache.mjs'));
  if (!bundles || !existsSync(bundle)) return ['--import', cache.href, program];
  // It goes when they go.
  cache.searchParams.set('folder', relative(ROOT, join(bundles, 'compiled')));
  return ['--import', cache.href, bundle];
}

/**
 * What a program of ours has in its environment so that it, and each that it starts, is run from its bundle.
 * @param bundles as above
 */
export function quickStarts(bundles = process.env.TEST_BUNDLES): { NODE_OPTIONS?: string } {
  if (!bundles || !existsSync(bundles)) return {};
  const preload = new URL('./run-bundles.mjs', import.meta.url);
  preload.searchParams.set('folder', `${relative(ROOT, bundles)}/`);
  return { NODE_OPTIONS: `--import ${preload}` };
}
