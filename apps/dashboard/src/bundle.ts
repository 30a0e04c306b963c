/** Bundles the script of our pages. Where it is not run while an image is built, it takes a fraction of a second. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** One ES module, for browsers of 2022. Throws when it cannot be made. */
export async function bundlePages(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('./browser/main.tsx', import.meta.url)),
    platform: 'browser',
    tsconfig: false,
    transform: { target: 'es2022', jsx: { runtime: 'automatic', importSource: 'preact' } },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    return output[0].code;
  } finally {
    await bundle.close();
  }
}
