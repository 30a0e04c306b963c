/**
 * A copy of apps/ and libs/ with some of the product's checks taken out: services started from it are the product
 * without, say, its fence. Each line that makes such a check carries a mark, `@mutation NAME`, wherever it stands and
 * however it is written: in Lua an `if … then`, in TypeScript the `const … = …;` of what the check found.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type Mutant = {
  /** For `startFaultStack({ roots })`. */
  root: URL;
  /** Idempotent. */
  close(): Promise<void>;
};

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const SCOPE = '@cc-executor';

/** Makes the copy, without the checks that are marked so. Throws when no line carries a mark, or one that is no check. */
export async function createMutant(...marks: string[]): Promise<Mutant> {
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-mutant-'));
  await cp(join(REPOSITORY, 'package.json'), join(folder, 'package.json'));
  const missing = new Set(marks);
  const names = { apps: await namesIn('apps'), libs: await namesIn('libs') };
  const scope = join(folder, 'node_modules', SCOPE);
  await mkdir(scope, { recursive: true });
  for (const [kind, members] of Object.entries(names)) {
    for (const name of members) {
      const copy = join(folder, kind, name);
      await cp(join(REPOSITORY, kind, name, 'src'), join(copy, 'src'), { recursive: true });
      for (const mark of await takeOut(join(copy, 'src'), marks)) missing.delete(mark);
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
  if (missing.size > 0)
    throw new Error(`nothing in the product is marked @mutation ${[...missing].join(', ')}`);
  return {
    root: pathToFileURL(`${folder}/`),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Takes the checks out of every line with one of the marks; returns which there were. */
async function takeOut(folder: string, marks: string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.(?:lua|ts)$/.test(name)) continue;
    const text = await readFile(join(folder, name), 'utf8');
    const changed = text.replace(/^.* @mutation (.+)$/gm, (line, mark: string) => {
      if (!marks.includes(mark)) return line;
      found.add(mark);
      return withoutCheck(line);
    });
    if (changed !== text) await writeFile(join(folder, name), changed);
  }
  return found;
}

/** The line with its condition answered with no; exported so that a test can show that it takes nothing else. */
export function withoutCheck(line: string): string {
  const lua = /^(\s*if ).+( then -- @mutation .*)$/;
  const typescript = /^(\s*const \w+ = ).+(; \/\/ @mutation .*)$/;
  for (const check of [lua, typescript]) if (check.test(line)) return line.replace(check, '$1false$2');
  throw new Error(`this line is marked as a check, and is none that can be taken out: ${line.trim()}`);
}

async function namesIn(kind: string): Promise<string[]> {
  const entries = await readdir(join(REPOSITORY, kind), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
