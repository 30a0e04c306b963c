/**
 * A command's JavaScript: all that it needs in a few files, so that installing it fetches nothing. The services of `up` are not among
 * them: they are started from a checkout, or as containers.
 */
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { takeBuiltins } from '../bundles.ts';

/** What stands in the package in the place of a module. */
function replacements(version: string): Record<string, string> {
  return {
    'apps/cli/src/up/up.ts': `import { UpError } from './up-error.ts';
      export async function runUp() {
        throw new UpError('The services are not in this package: npm start runs them in a checkout, docker compose as containers.');
      }`,
    'libs/runtime/src/version.ts': `export const version = ${JSON.stringify(version)};`,
  };
}

/** Writes `dist/main.js`, and what it loads when it is needed. */
export async function buildCommand(root: string, command: string, version: string): Promise<void> {
  const replaced = Object.entries(replacements(version)).map(([path, code]) => [join(root, path), code]);
  const codes = new Map(replaced as [string, string][]);
  const bundle = await rolldown({
    input: { main: join(command, 'src/packed-main.ts') },
    cwd: command,
    platform: 'node',
    logLevel: 'silent',
    plugins: [
      { name: 'replaced', load: (id) => codes.get(id) },
      { name: 'builtins', renderChunk: (code) => takeBuiltins(code) },
    ],
  });
  try {
    await bundle.write({ dir: join(command, 'dist'), format: 'esm', keepNames: true, comments: false });
  } finally {
    await bundle.close();
  }
}
