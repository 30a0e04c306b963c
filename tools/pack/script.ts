/** The library's JavaScript: one ES module with its source map, with what it uses of the workspace inside. */
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Runs wherever the SDK is promised to: Node 20, browsers of 2022. */
const TARGET = 'es2022';

/** Writes `dist/index.js`. Throws when an import stays unresolved that is not a dependency. */
export async function buildScript(root: string, library: string): Promise<void> {
  const bundle = await rolldown({
    input: join(library, 'src/index.ts'),
    cwd: root,
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
    await bundle.write({ file: join(library, 'dist/index.js'), format: 'esm', sourcemap: true, minify });
  } finally {
    await bundle.close();
  }
}
