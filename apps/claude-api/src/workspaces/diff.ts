/**
 * What was changed in a workspace since its last commit, as Git tells it. Git sees a repository of our own, which has the
 * workspace's objects and no setting, hook, filter or index of it; and it runs confined as an execution is, so that what it
 * is led to (by links, or by objects that are said to lie elsewhere) is no more than the execution itself could reach.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { locateCli } from '../cli-location.ts';
import type { Confine } from '../engine.ts';
import { FileFault } from './fault.ts';
import { findHead } from './head.ts';

export type DiffLimits = {
  readonly diffMaxBytes: number;
  readonly diffTimeoutMs: number;
};

const PATH = '/usr/local/bin:/usr/bin:/bin';
const MAX_MESSAGE_LENGTH = 500;
/** Larger files count as binary: they are compared, and not shown. */
const SETTINGS = { 'core.bigFileThreshold': '4m', 'protocol.allow': 'never' };

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
 * Makes it. Errors: `diff_unavailable` where there is no repository, no Git, or no way to keep it in; `file_too_large`.
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
  const base = await findHead(workspace);
  const git = locateCli('git', { PATH });
  if (git === undefined)
    throw new FileFault('diff_unavailable', 'Git is not installed where claude-api runs');
  // What an earlier claude-api left is found by this name.
  const folder = join(workDir, `temporary-${randomUUID()}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    return await runGit({ workspace, folder, base }, confine, limits);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function runGit(
  { workspace, folder, base = '' }: { workspace: string; folder: string; base: string | undefined },
  confine: Confine,
  { diffMaxBytes, diffTimeoutMs }: DiffLimits,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const tooLarge = new AbortController();
  const late = AbortSignal.timeout(diffTimeoutMs);
  const { exitCode, stderr, spawnError } = await confine(
    {
      file: '/bin/sh',
      args: ['-c', SCRIPT, 'sh', base.length === 64 ? 'sha256' : 'sha1', base],
      cwd: workspace,
      env: environmentOf(workspace, folder),
      shown: [folder],
    },
    {
      signal: AbortSignal.any([tooLarge.signal, late]),
      onOutput(piece) {
        bytes += piece.length;
        if (bytes > diffMaxBytes) tooLarge.abort();
        else pieces.push(piece);
      },
    },
  );
  if (bytes > diffMaxBytes) {
    throw new FileFault(
      'file_too_large',
      `The diff has more than ${diffMaxBytes} bytes (CLAUDE_DIFF_MAX_BYTES)`,
    );
  }
  if (late.aborted) {
    throw new FileFault(
      'file_too_large',
      `Git was not done within ${diffTimeoutMs} ms (CLAUDE_DIFF_TIMEOUT_MS)`,
    );
  }
  if (exitCode === 0) return Buffer.concat(pieces);
  const why = (spawnError?.message ?? stderr).slice(0, MAX_MESSAGE_LENGTH);
  throw new FileFault('diff_unavailable', `Git could not compare the workspace with its commit: ${why}`);
}

/** Nothing of ours: neither where our user keeps settings nor what claude-api was told. */
function environmentOf(workspace: string, folder: string): Record<string, string> {
  const settings = Object.entries(SETTINGS).flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return {
    PATH,
    HOME: folder,
    TMPDIR: folder,
    LC_ALL: 'C',
    GIT_DIR: join(folder, 'git'),
    GIT_WORK_TREE: workspace,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(workspace, '.git', 'objects'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(Object.keys(SETTINGS).length),
    ...Object.fromEntries(settings),
  };
}
