/** The library's JavaScript: an ES module for each entry, with its source map, and with what it uses of the workspace inside. */
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import type { Manifest } from './manifest.ts';

/** Runs wherever the SDK is promised to: Node 20, browsers of 2022. */
const TARGET = 'es2022';

/** Writes `dist/NAME.js` for each entry. Throws when an import stays unresolved that is not of a peer. */
export async function buildScript(
  root: string,
  library: string,
  { entries, peers }: Manifest,
): Promise<void> {
  const bundle = await rolldown({
    input: entries,
    cwd: library,
    external: peers,
    platform: 'neutral',
    resolve: { alias: { '@cc-executor/protocol/plain': join(root, 'libs/protocol/src/plain.ts') } },
    transform: { target: TARGET },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  try {
    // Rid of what nobody uses, which not every bundler sees, and still readable.
    const minify = { compress: true, mangle: false, codegen: { removeWhitespace: false } } as const;
    await bundle.write({ dir: join(library, 'dist'), format: 'esm', sourcemap: true, minify });
  } finally {
    await bundle.close();
  }
}
