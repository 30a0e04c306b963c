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

/** Writes `dist/main.js`, and what it loads when it is needed. Throws when a module that is to be replaced is not there any more. */
export async function buildCommand(command: string, version: string): Promise<void> {
  const left = new Map(Object.entries(replacements(version)));
  // A workspace may be reached by a link: paths end alike, and begin as they like.
  function replace(id: string): string | undefined {
    const [path, code] = [...left].find(([path]) => id.endsWith(`/${path}`)) ?? [];
    if (path !== undefined) left.delete(path);
    return code;
  }
  const bundle = await rolldown({
    input: { main: join(command, 'src/packed-main.ts') },
    cwd: command,
    platform: 'node',
    logLevel: 'silent',
    plugins: [
      { name: 'replaced', load: replace },
      { name: 'builtins', renderChunk: (code) => takeBuiltins(code) },
    ],
  });
  try {
    await bundle.write({ dir: join(command, 'dist'), format: 'esm', keepNames: true, comments: false });
  } finally {
    await bundle.close();
  }
  if (left.size > 0) throw new Error(`there is no ${[...left.keys()].join(', ')}`);
}
