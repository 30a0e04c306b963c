/** Bundles the scripts of our pages. Where that is not done while an image is built, it takes a fraction of a second. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** ES modules by their file's name, for browsers of 2022: `pages.js`, and what it asks for when it is needed. Throws when they cannot be made. */
export async function bundlePages(): Promise<Map<string, string>> {
  const bundle = await rolldown({
    input: { pages: fileURLToPath(new URL('./browser/main.tsx', import.meta.url)) },
    platform: 'browser',
    tsconfig: false,
    transform: { target: 'es2022', jsx: { runtime: 'automatic', importSource: 'preact' } },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      minify: true,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
    });
    return new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.code]] : [])));
  } finally {
    await bundle.close();
  }
}
