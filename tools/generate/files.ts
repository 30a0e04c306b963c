/** Compares generated files with those on disk, and brings these up to date. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a run of the generator produces. Paths are relative to the root, with forward slashes. */
export type GeneratedFiles = {
  readonly contents: ReadonlyMap<string, string>;
  /** Folders that hold generated files only: others in them are left over from names that no longer exist. */
  readonly ownedFolders: readonly string[];
};

/** The files that are missing, differ or are left over, sorted. */
export function compareFiles(root: string, { contents, ownedFolders }: GeneratedFiles): string[] {
  const differing = [...contents].filter(([path, content]) => readText(join(root, path)) !== content);
  const leftOver = ownedFolders
    .flatMap((folder) => listFiles(root, folder))
    .filter((path) => !contents.has(path));
  return [...differing.map(([path]) => path), ...leftOver].sort();
}

/** Writes, or deletes, the files that `compareFiles` named. */
export function writeFiles(root: string, { contents }: GeneratedFiles, paths: readonly string[]): void {
  for (const path of paths) {
    const content = contents.get(path);
    if (content === undefined) {
      rmSync(join(root, path));
      continue;
    }
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function listFiles(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}

function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
