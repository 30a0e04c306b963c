/**
 * The state of a workspace before a job. It is kept beside the workspaces, as objects of Git, until the next job; without
 * submodules and repositories within, as in a diff.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Confine } from '../engine.ts';
import { type ArchiveBounds, measureArchive } from './archive.ts';
import { openFolder } from './beneath.ts';
import { runGit } from './git.ts';
import { findHead } from './head.ts';

/** In the root of the workspaces, where none can have this name. */
const SNAPSHOTS = '.snapshots';
const TREE = /^[0-9a-f]{40}$/;

const SCRIPT = `
(unset GIT_WORK_TREE; git init -q --bare --template= "$GIT_DIR") || exit
if [ "$1" ]; then
  (export GIT_INDEX_FILE="$GIT_DIR/tracked" GIT_ALTERNATE_OBJECT_DIRECTORIES="$2"
   git read-tree "$1" && git ls-files -z --stage --cached --ignored --exclude-standard) |
    grep -zv '^160000' | sed -z 's/^[^\t]*\t//' | git update-index -z --add --remove --stdin || exit
fi
git ls-files -z --others --exclude-standard | grep -zv '/$' | git update-index -z --add --stdin || exit
exec git write-tree
`;

export type SnapshotBounds = ArchiveBounds & { readonly timeoutMs: number };

/**
 * Notes it, in place of the one before. Errors: `diff_unavailable`, `file_too_large`, and then there is none.
 */
export async function takeSnapshot(
  workspace: string,
  confine: Confine,
  bounds: SnapshotBounds & { signal: AbortSignal },
): Promise<void> {
  await forgetSnapshot(workspace);
  const folder = folderOf(workspace);
  const opened = await openFolder(workspace, []);
  await measureArchive(opened, { ...bounds, without: '.git' }).finally(() => opened.close());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Of what is tracked some may be ignored.
  const commit = (await findHead(workspace).catch(() => undefined))?.commit ?? '';
  const args = [commit, join(workspace, '.git', 'objects')];
  const output = await runGit({ workspace, folder, script: SCRIPT, args }, confine, {
    ...bounds,
    maxBytes: 1_000,
  });
  await writeFile(join(folder, 'start'), output.toString().trim(), { mode: 0o600 });
}

export async function forgetSnapshot(workspace: string): Promise<void> {
  await rm(folderOf(workspace), { recursive: true, force: true, maxRetries: 3 });
}

export async function findSnapshot(
  workspace: string,
): Promise<{ base: string; objects: string } | undefined> {
  const folder = folderOf(workspace);
  const base = await readFile(join(folder, 'start'), 'utf8').catch(() => '');
  return TREE.test(base) ? { base, objects: join(folder, 'git', 'objects') } : undefined;
}

function folderOf(workspace: string): string {
  return join(dirname(workspace), SNAPSHOTS, basename(workspace));
}
