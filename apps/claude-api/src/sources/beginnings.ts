/**
 * Fills the folder of a run with what its job begins from, before Claude Code starts.
 * Invariant: a named workspace has all of it or nothing. It is made beside the workspaces and takes the place of the empty one in one
 * step, so that whoever dies leaves nothing half made; a note of what it began from lets further jobs ask for the same.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { SourceValue } from '@cc-executor/claude-options';
import type { Environment } from '../cli-environment.ts';
import type { Confine } from '../engine.ts';
import type { Place } from '../places.ts';
import { unpackArchive } from './archive.ts';
import { SourceFault } from './fault.ts';
import { refuseLinksOut } from './links.ts';
import { fetchRepository } from './repository.ts';
import { findWay } from './way.ts';

/** In the root of the workspaces, where none can have these names. */
export const STAGING = '.staging';
const ORIGINS = '.origins';

export type SourceLimits = {
  /** What the operator allows, as `isSourceRule` has it. */
  readonly sources: readonly string[];
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxNames: number;
};

/** What has come; `isThere`: it was there already. */
export type Beginning =
  | { readonly isThere: true }
  | { readonly commit: string }
  | { readonly sha256: string };

export type BeginningOptions = {
  readonly limits: SourceLimits;
  readonly confine: Confine;
  readonly environment: Environment;
  /** Of the run, for temporary files. */
  readonly temporary: string;
  readonly signal: AbortSignal;
  /** Called before anything is fetched. */
  readonly onFetch: () => void;
};

/** Errors: `SourceFault`; the signal's reason. Then a named workspace is as it was. */
export async function beginFrom(
  from: SourceValue,
  { cwd, isWorkspace }: Pick<Place, 'cwd' | 'isWorkspace'>,
  options: BeginningOptions,
): Promise<Beginning> {
  if (process.platform !== 'linux') {
    throw new SourceFault('source_unavailable', 'Jobs begin from an archive or a repository on Linux only');
  }
  const { onFetch } = options;
  if (!isWorkspace) {
    onFetch();
    return fetchInto(cwd, from, options);
  }
  const root = dirname(cwd);
  const noted = join(root, ORIGINS, basename(cwd));
  if ((await readdir(cwd)).length > 0) {
    const origin = await readFile(noted, 'utf8').catch(() => undefined);
    if (origin !== (await originOf(cwd, from))) throw occupied(cwd);
    return { isThere: true };
  }
  onFetch();
  const staged = join(root, STAGING, basename(cwd));
  await rm(staged, { recursive: true, force: true, maxRetries: 3 });
  await mkdir(staged, { recursive: true, mode: 0o700 });
  try {
    const beginning = await fetchInto(staged, from, options);
    await mkdir(dirname(noted), { recursive: true, mode: 0o700 });
    await writeFile(noted, await originOf(staged, from), { mode: 0o600 });
    await rename(staged, cwd).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOTEMPTY' ? occupied(cwd) : error;
    });
    return beginning;
  } finally {
    await rm(staged, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function fetchInto(target: string, from: SourceValue, options: BeginningOptions): Promise<Beginning> {
  const { limits, confine, environment, temporary: folder } = options;
  const { sources, timeoutMs, maxBytes, maxNames } = limits;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([options.signal, late]);
  const bounds = { maxBytes, maxNames };
  const wayTo = (url: URL) => findWay(url, sources, environment);
  try {
    const beginning =
      'git' in from
        ? {
            commit: await fetchRepository(from, target, {
              confine,
              way: await wayTo(new URL(from.git)),
              folder,
              bounds,
              signal,
            }),
          }
        : { sha256: await unpackArchive(from.archive, target, { sources, findWay: wayTo, bounds, signal }) };
    await refuseLinksOut(target, maxNames);
    return beginning;
  } catch (error) {
    options.signal.throwIfAborted();
    if (!late.aborted) throw error;
    throw new SourceFault(
      'source_too_large',
      `It had not come within ${timeoutMs} ms (CLAUDE_SOURCE_TIMEOUT_MS)`,
    );
  }
}

function occupied(workspace: string): SourceFault {
  return new SourceFault(
    'source_occupied',
    `The workspace ${basename(workspace)} has files already, and did not begin from this`,
  );
}

/** The folder has a number of its own, which it keeps where it is moved. */
async function originOf(folder: string, from: SourceValue): Promise<string> {
  const { ino, birthtimeMs } = await lstat(folder);
  const { git, archive, ref, depth } = from as { [K in 'git' | 'archive' | 'ref' | 'depth']?: unknown };
  return JSON.stringify({ git, archive, ref, depth, ino, birthtimeMs });
}
