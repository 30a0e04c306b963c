/**
 * What a run has changed in its workspace, kept when the run ends: beside the workspaces, by its execution, for as long as
 * transcripts are remembered, whatever becomes of the workspace.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Confine } from '../engine.ts';
import { compare, type DiffLimits } from './diff.ts';
import { FileFault } from './fault.ts';
import { findSnapshot } from './snapshot.ts';

/** In the root of the workspaces, or of what is passing, where none can have this name. */
const DIFFS = '.diffs';
/** Less than workers wait for the last line after a result. */
const WITHIN_MS = 8_000;
const FORGET_EVERY_MS = 60 * 60_000;

export type JobDiff = {
  readonly bytes: number;
  readonly sha256: string;
  /** How many files it is of. */
  readonly files: number;
};

let forgotAt = 0;

/**
 * Makes it against the state before the run, and keeps it in `root`.
 * Errors: those of `makeDiff`; then none is kept.
 *
 * @param limits.keptMs how long diffs are kept, in ms
 */
export async function keepJobDiff(
  place: { workspace: string; workDir: string; root: string; executionId: string },
  confine: Confine,
  limits: DiffLimits & { keptMs: number },
): Promise<JobDiff> {
  const snapshot = await findSnapshot(place.workspace);
  if (snapshot === undefined)
    throw new FileFault('diff_unavailable', 'The state before the run was not noted');
  const diffTimeoutMs = Math.min(limits.diffTimeoutMs, WITHIN_MS);
  const text = await compare({ ...place, ...snapshot }, confine, { ...limits, diffTimeoutMs });
  const { root } = place;
  await mkdir(join(root, DIFFS), { recursive: true, mode: 0o700 });
  await writeFile(pathOf(root, place.executionId), text, { mode: 0o600 });
  await forgetOld(join(root, DIFFS), limits.keptMs);
  // What a file holds stands behind a sign, in each line.
  const files = text.toString('latin1').match(/^diff --git /gm)?.length ?? 0;
  return { bytes: text.length, sha256: createHash('sha256').update(text).digest('hex'), files };
}

/** Errors: `diff_unavailable` when none is kept here. */
export async function readJobDiff(root: string, executionId: string): Promise<Buffer> {
  return readFile(pathOf(root, executionId)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new FileFault('diff_unavailable', 'No diff of this execution is kept');
  });
}

/** An execution's id may hold what no file's name may. */
function pathOf(root: string, executionId: string): string {
  return join(root, DIFFS, createHash('sha256').update(executionId).digest('hex'));
}

async function forgetOld(folder: string, keptMs: number): Promise<void> {
  const now = Date.now();
  if (now - forgotAt < FORGET_EVERY_MS) return;
  forgotAt = now;
  for (const name of await readdir(folder)) {
    const { mtimeMs } = await stat(join(folder, name));
    if (now - mtimeMs > keptMs) await rm(join(folder, name), { force: true });
  }
}
