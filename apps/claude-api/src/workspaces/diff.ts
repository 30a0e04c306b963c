/**
 * What was changed in a workspace, as Git tells it: since its last commit where it is a Git repository, else since the start
 * of its last job, where that was noted. Git sees a repository of our own, which has the workspace's objects and no setting,
 * hook, filter or index of it; and it runs confined as an execution is, so that what it is led to (by links, or by objects
 * that are said to lie elsewhere) is no more than the execution itself could reach.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Confine } from '../engine.ts';
import { FileFault } from './fault.ts';
import { runGit } from './git.ts';
import { findHead } from './head.ts';
import { findSnapshot } from './snapshot.ts';

export type DiffLimits = {
  readonly diffMaxBytes: number;
  readonly diffTimeoutMs: number;
};

/**
 * What is tracked is taken from the commit, what is new from the folder, both without submodules and repositories within:
 * Git would ask their settings. New files are noted as empty ones, so that nothing of them is copied.
 */
const SCRIPT = `
(unset GIT_WORK_TREE; git init -q --bare --template= --object-format="$1" "$GIT_DIR") || exit
base=$2
[ "$base" ] || base=$(git hash-object -w -t tree /dev/null) || exit
git ls-tree -r -z "$base" | grep -zv '^160000' | git update-index -z --index-info || exit
empty=$(git hash-object -w /dev/null) || exit
git ls-files -z --others --exclude-standard | grep -zv '/$' | sed -z "s/^/100644 $empty\\t/" |
  git update-index -z --index-info || exit
exec git diff --no-ext-diff --no-textconv --no-color --ignore-submodules=all "$base" --
`;

/**
 * Makes it. Errors: `diff_unavailable` where there is nothing to compare with, no Git, or no way to keep it in;
 * `file_too_large`.
 *
 * @param place.workspace its path, without links
 * @param place.workDir where there is room for what Git notes
 */
export async function makeDiff(
  { workspace, workDir }: { workspace: string; workDir: string },
  confine: Confine | undefined,
  limits: DiffLimits,
): Promise<Buffer> {
  if (confine === undefined) throw new FileFault('diff_unavailable', 'The demo engine makes no diffs');
  const base = await findBase(workspace);
  return compare({ workspace, workDir, ...base }, confine, limits);
}

/** The same, against a commit or a tree of Git among these objects. */
export async function compare(
  {
    workspace,
    workDir,
    base,
    objects,
  }: { workspace: string; workDir: string; base: string; objects: string },
  confine: Confine,
  { diffMaxBytes, diffTimeoutMs }: DiffLimits,
): Promise<Buffer> {
  // What an earlier claude-api left is found by this name.
  const folder = join(workDir, `temporary-${randomUUID()}`);
  await mkdir(folder, { mode: 0o700 });
  const args = [base.length === 64 ? 'sha256' : 'sha1', base];
  try {
    return await runGit({ workspace, folder, objects, shown: [objects], script: SCRIPT, args }, confine, {
      maxBytes: diffMaxBytes,
      timeoutMs: diffTimeoutMs,
    });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** An empty base is that of a repository without a commit. */
async function findBase(workspace: string): Promise<{ base: string; objects: string }> {
  const head = await findHead(workspace);
  if (head !== undefined) return { base: head.commit, objects: join(workspace, '.git', 'objects') };
  const snapshot = await findSnapshot(workspace);
  if (snapshot !== undefined) return snapshot;
  throw new FileFault(
    'diff_unavailable',
    'There is nothing to compare with: the workspace is no Git repository, and its state before a job was not noted (CLAUDE_JOB_DIFFS)',
  );
}
