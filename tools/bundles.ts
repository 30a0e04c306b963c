/**
 * One file per program instead of the hundreds of modules that it consists of, so that tests that start many processes
 * start each with half the work. A bundle does what its program does: it knows the places of the modules it is made of
 * (`import.meta.url`, `__dirname`), and names of functions are kept. Bundles lie in the checkout's cache, in a folder named
 * after all that they depend on, so one that is found is fresh.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What tests start most often, and what these load by its name. */
export const PROGRAMS = [
  'apps/claude-api/src/config',
  'apps/claude-api/src/main',
  'apps/cli/src/main',
  'apps/cli/src/up/embedded-redis',
  'apps/cli/src/up/redis-guard',
  'apps/dashboard/src/config',
  'apps/dashboard/src/main',
  'apps/gateway/src/config',
  'apps/gateway/src/main',
  'apps/worker/src/config',
  'apps/worker/src/main',
  'libs/local-redis/src/embedded-server',
  'libs/testing/src/crowd-main',
];
/** It looks for files beside itself. */
const NOT_BUNDLED = /^@bull-board\//;
const SOURCES = ['{apps,libs}/*/src/**/*.{ts,mjs,json}', '{apps,libs}/*/package.json', 'package-lock.json'];
const UNUSED_MS = 24 * 60 * 60_000;

export type Bundles = {
  /** Holds, for `apps/x/src/main.ts`, `apps/x/src/main.mjs`. */
  folder: string;
  /** Undefined when they were there already. */
  tookMs: number | undefined;
};

/**
 * Finds the bundles of the sources as they are now.
 * @param root the checkout
 * @param options.mayMake makes them where there are none, in about a second
 * @returns undefined when there are none
 */
export async function findBundles(
  root: string,
  { mayMake }: { mayMake: boolean },
): Promise<Bundles | undefined> {
  const all = join(root, '.cache', 'bundles');
  const folder = join(all, await describeSources(root));
  const isThere = existsSync(folder);
  if (!isThere && !mayMake) return undefined;
  const begun = performance.now();
  if (!isThere) await makeBundles(root, folder);
  const now = new Date();
  await utimes(folder, now, now);
  await removeUnused(all);
  return { folder, tookMs: isThere ? undefined : performance.now() - begun };
}

async function describeSources(root: string): Promise<string> {
  const hash = createHash('sha256').update(`${root} ${process.version}`);
  const files = (await Array.fromAsync(glob(SOURCES, { cwd: root }))).sort();
  for (const file of [import.meta.filename, ...files.map((file) => join(root, file))]) {
    hash.update(`${file}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

async function makeBundles(root: string, folder: string): Promise<void> {
  // It takes longer to load than to find bundles.
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    input: Object.fromEntries(PROGRAMS.map((program) => [program, join(root, `${program}.ts`)])),
    cwd: root,
    platform: 'node',
    external: NOT_BUNDLED,
    logLevel: 'silent',
    plugins: [
      { name: 'places', transform: { filter: { code: PLACE }, handler: (code, id) => fixPlaces(code, id) } },
      { name: 'builtins', renderChunk: (code) => takeBuiltins(code) },
    ],
  });
  const unfinished = `${folder}.${process.pid}`;
  try {
    await bundle.write({
      dir: unfinished,
      format: 'esm',
      keepNames: true,
      comments: false,
      entryFileNames: '[name].mjs',
      chunkFileNames: 'chunks/[name]-[hash].mjs',
    });
    await rename(unfinished, folder);
  } catch (error) {
    // Another run may have made the same ones meanwhile.
    if (!existsSync(folder)) throw error;
  } finally {
    await bundle.close();
    await rm(unfinished, { recursive: true, force: true });
  }
}

const PLACE = /\bimport\.meta\.url\b|\b__dirname\b|\b__filename\b/;

function fixPlaces(code: string, file: string): string {
  const places: Record<string, string> = {
    'import.meta.url': pathToFileURL(file).href,
    __dirname: dirname(file),
    __filename: file,
  };
  return code.replaceAll(new RegExp(PLACE, 'g'), (place) => JSON.stringify(places[place]));
}

const BUILTIN = /^import (?:(?:\* as )?([\w$]+))?(?:, )?(?:\{ (.+) \})? from "(node:[\w/]+)";$/gm;

/**
 * An import of a built-in module reads all that it exports: undici, which is behind one export of `node:http`, would be
 * loaded by every program.
 */
export function takeBuiltins(code: string): string {
  return code.replaceAll(BUILTIN, (_line, whole?: string, members?: string, name?: string) => {
    const names = [whole, members && `{ ${members.replaceAll(' as ', ': ')} }`].filter(Boolean);
    return names.map((it) => `const ${it} = globalThis.process.getBuiltinModule("${name}");`).join(' ');
  });
}

async function removeUnused(all: string): Promise<void> {
  for (const name of await readdir(all)) {
    const folder = join(all, name);
    // Another run may have renamed it by now, when it was finished, or removed it.
    const stats = await stat(folder).catch(() => undefined);
    if (stats && Date.now() - stats.mtimeMs > UNUSED_MS) await rm(folder, { recursive: true, force: true });
  }
}
