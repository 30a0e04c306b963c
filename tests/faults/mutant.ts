/**
 * A copy of apps/ and libs/ with a piece of it taken out: services started from it are the product without, say, its
 * fence. Nothing in the product knows of it.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One replacement. `from` must be there exactly once: otherwise the product has changed, and this with it. */
export type Mutation = { file: string; from: string; to: string };

export type Mutant = {
  /** For `startFaultStack({ root })`. */
  root: URL;
  /** Idempotent. */
  close(): Promise<void>;
};

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const SCOPE = '@cc-executor';

/** Makes the copy. Throws when a text to be replaced is not there. */
export async function createMutant(mutations: Mutation[]): Promise<Mutant> {
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-mutant-'));
  await cp(join(REPOSITORY, 'package.json'), join(folder, 'package.json'));
  const names = { apps: await namesIn('apps'), libs: await namesIn('libs') };
  const scope = join(folder, 'node_modules', SCOPE);
  await mkdir(scope, { recursive: true });
  for (const [kind, members] of Object.entries(names)) {
    for (const name of members) {
      const copy = join(folder, kind, name);
      await cp(join(REPOSITORY, kind, name, 'src'), join(copy, 'src'), { recursive: true });
      await cp(join(REPOSITORY, kind, name, 'package.json'), join(copy, 'package.json'));
      // Ours resolve to the copy; a link to the repository's folder of links would lead back to the originals.
      await symlink(copy, join(scope, name));
    }
  }
  for (const name of await readdir(join(REPOSITORY, 'node_modules'))) {
    if (name !== SCOPE) {
      await symlink(join(REPOSITORY, 'node_modules', name), join(folder, 'node_modules', name));
    }
  }
  for (const mutation of mutations) await mutate(folder, mutation);
  return {
    root: pathToFileURL(`${folder}/`),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Replaces the text; exported so that a test can show that it does not pass over what is not there. */
export async function mutate(folder: string, { file, from, to }: Mutation): Promise<void> {
  const path = join(folder, file);
  const parts = (await readFile(path, 'utf8')).split(from);
  if (parts.length !== 2) {
    throw new Error(`${file} holds the text to be replaced ${parts.length - 1} times, not once: ${from}`);
  }
  await writeFile(path, parts.join(to));
}

async function namesIn(kind: string): Promise<string[]> {
  const entries = await readdir(join(REPOSITORY, kind), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
