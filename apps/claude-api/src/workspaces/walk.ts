/**
 * Walks a folder in order, each folder before what is in it, names by their UTF-16 units. One folder is open for each
 * level; nothing is followed, and what goes away meanwhile is left out.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, opendir } from 'node:fs/promises';
import { beneath, enterFolder, type FileKind, kindOf, placeOf } from './beneath.ts';
import { FileFault } from './fault.ts';
import { MAX_DEPTH } from './path.ts';

const LOOKS_AHEAD = 64;

export type Found = {
  /** Beneath the folder that is walked. */
  readonly path: string;
  readonly name: string;
  readonly kind: FileKind;
  readonly stat: BigIntStats;
  /** What it lies in, open until the walk goes on. */
  readonly folder: FileHandle;
};

export type WalkOptions = {
  readonly isDeep: boolean;
  /** Goes on behind what has this path, given as its names. */
  readonly after?: readonly string[];
  /** What has this name is left out, with what is in it. */
  readonly without?: string;
  /** Of names in one folder. */
  readonly maxNames: number;
};

/** Errors: `file_too_large` for a folder with too many names, or one that lies too deep. */
export async function* walk(
  folder: FileHandle,
  options: WalkOptions,
  prefix: readonly string[] = [],
): AsyncGenerator<Found> {
  const { isDeep, after = [], without, maxNames } = options;
  const [reached, ...below] = after;
  const left = (await namesIn(folder, maxNames)).filter(
    (name) => name !== without && (reached === undefined || name >= reached),
  );
  for await (const [name, found] of lookAhead(folder, left)) {
    const names = [...prefix, name];
    const isPassed = name === reached;
    if (!isPassed) yield { ...found, path: names.join('/'), name, folder };
    if (!isDeep || found.kind !== 'folder') continue;
    if (names.length >= MAX_DEPTH) {
      throw new FileFault('file_too_large', `A folder lies more than ${MAX_DEPTH} folders deep`);
    }
    const inner = await enterFolder(folder, name).catch(unlessGone);
    if (inner === undefined) continue;
    try {
      yield* walk(inner, { ...options, after: isPassed ? below : [] }, names);
    } finally {
      await inner.close();
    }
  }
}

async function namesIn(folder: FileHandle, maxNames: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of await opendir(placeOf(folder), { bufferSize: 1_000 })) {
    // A name that is no text cannot be asked for.
    if (!name.includes('\uFFFD')) names.push(name);
    if (names.length > maxNames) {
      throw new FileFault('file_too_large', `A folder holds more than ${maxNames} names (CLAUDE_FILES_MAX)`);
    }
  }
  return names.sort((one, other) => (one < other ? -1 : 1));
}

/** Several at once: a look takes its time, and costs little. */
async function* lookAhead(folder: FileHandle, names: readonly string[]) {
  for (let from = 0; from < names.length; from += LOOKS_AHEAD) {
    const next = names.slice(from, from + LOOKS_AHEAD);
    const found = await Promise.all(next.map((name) => look(folder, name)));
    for (const [i, name] of next.entries()) {
      const one = found[i];
      if (one !== undefined) yield [name, one] as const;
    }
  }
}

async function look(folder: FileHandle, name: string) {
  const stat = await lstat(beneath(folder, name), { bigint: true }).catch(unlessGone);
  return stat && { kind: kindOf(stat), stat };
}

/** It went, changed its kind, or may not be entered: others are told all the same. */
function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(error.code ?? '')) throw error;
}
