/** Runs a script of Git commands for a workspace: confined as an execution is, and told nothing of ours. */
import { join } from 'node:path';
import { locateCli } from '../cli-location.ts';
import type { CliEnding } from '../cli-process.ts';
import type { Confine } from '../engine.ts';
import { FileFault } from './fault.ts';

const PATH = '/usr/local/bin:/usr/bin:/bin';
const MAX_MESSAGE_LENGTH = 500;
/** Larger files count as binary: they are compared, and not shown. */
const SETTINGS = { 'core.bigFileThreshold': '4m', 'core.compression': '0', 'protocol.allow': 'never' };

export type GitRun = {
  /** Its path, without links; Git takes it for its folder. */
  readonly workspace: string;
  /** Of our own; the repository is `git` in it, unless it is said to be elsewhere. */
  readonly folder: string;
  readonly repository?: string;
  /** Where objects are besides. */
  readonly objects?: string | undefined;
  /** What else the script is to see. */
  readonly shown?: readonly string[];
  readonly script: string;
  readonly args: readonly string[];
  /** Of Git, besides those that hold for all. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
};

export type GitBounds = {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** Runs it. Never rejects for what Git did; without Git there is a `spawnError`. */
export function startGit(run: GitRun, confine: Confine, options: Parameters<Confine>[1]): Promise<CliEnding> {
  return confine(
    {
      file: '/bin/sh',
      args: ['-c', run.script, 'sh', ...run.args],
      cwd: run.workspace,
      env: environmentOf(run),
      shown: [run.folder, ...(run.shown ?? [])],
    },
    options,
  );
}

export function hasGit(): boolean {
  return locateCli('git', { PATH }) !== undefined;
}

/** Gives what it puts out. Errors: `diff_unavailable` where there is no Git, or it fails; `file_too_large`. */
export async function runGit(run: GitRun, confine: Confine, bounds: GitBounds): Promise<Buffer> {
  const { maxBytes, timeoutMs, signal } = bounds;
  if (!hasGit()) {
    throw new FileFault('diff_unavailable', 'Git is not installed where claude-api runs');
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  const tooLarge = new AbortController();
  const late = AbortSignal.timeout(timeoutMs);
  const { exitCode, stderr, spawnError } = await startGit(run, confine, {
    signal: AbortSignal.any([tooLarge.signal, late, ...(signal ? [signal] : [])]),
    onOutput(piece) {
      bytes += piece.length;
      if (bytes > maxBytes) tooLarge.abort();
      else pieces.push(piece);
    },
  });
  if (bytes > maxBytes) {
    throw new FileFault('file_too_large', `The diff has more than ${maxBytes} bytes (CLAUDE_DIFF_MAX_BYTES)`);
  }
  if (late.aborted) {
    throw new FileFault('file_too_large', `Git was not done within ${timeoutMs} ms (CLAUDE_DIFF_TIMEOUT_MS)`);
  }
  if (exitCode === 0) return Buffer.concat(pieces);
  const why = (spawnError?.message ?? stderr).slice(0, MAX_MESSAGE_LENGTH);
  throw new FileFault('diff_unavailable', `Git could not read the workspace: ${why}`);
}

function environmentOf({ workspace, folder, repository, objects, ...more }: GitRun): Record<string, string> {
  const settings = Object.entries({ ...SETTINGS, ...more.settings }).flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return {
    PATH,
    HOME: folder,
    TMPDIR: folder,
    LC_ALL: 'C',
    GIT_DIR: repository ?? join(folder, 'git'),
    GIT_WORK_TREE: workspace,
    ...(objects !== undefined && { GIT_ALTERNATE_OBJECT_DIRECTORIES: objects }),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(settings.length / 2),
    ...Object.fromEntries(settings),
    ...more.environment,
  };
}
