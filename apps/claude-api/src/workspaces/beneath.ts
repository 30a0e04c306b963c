/**
 * Opens what lies beneath a folder, name by name, so that no link leads out and nothing can be put in place of what was
 * looked at: each name is opened beneath the descriptor of the folder before (`/proc/self/fd`, as openat would), never
 * through a link, and first only as a place (O_PATH), which neither waits for a fifo nor wakes a device. What is then read
 * is what was looked at.
 */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { asFileFault, FileFault } from './fault.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Of Linux, the same on all its processors; Node does not name it. */
const O_PATH = 0o10000000;

export type FileKind = 'file' | 'folder' | 'link' | 'other';

/** Where a name is beneath an open folder. The path holds as long as the folder is open. */
export function beneath(folder: FileHandle, name: string): string {
  return `${placeOf(folder)}/${name}`;
}

/** The open folder or file itself. */
export function placeOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Opens a folder. The caller closes it.
 *
 * @param options.make folders that are missing
 * Errors: `FileFault`.
 */
export async function openFolder(
  root: string,
  names: readonly string[],
  { make = false } = {},
): Promise<FileHandle> {
  let folder = await open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  for (const [depth, name] of names.entries()) {
    const above = folder;
    try {
      if (make) await mkdir(beneath(above, name)).catch(unlessThere);
      folder = await enterFolder(above, name);
    } catch (error) {
      throw asFileFault(error, names.slice(0, depth + 1).join('/'));
    } finally {
      await above.close();
    }
  }
  return folder;
}

/** Errors: the system's; ENOTDIR for a link. */
export function enterFolder(above: FileHandle, name: string): Promise<FileHandle> {
  return open(beneath(above, name), O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

/**
 * Opens a regular file for reading; the caller closes it. Errors: the system's; `file_refused` for anything else than a
 * regular file.
 */
export async function openFile(
  folder: FileHandle,
  name: string,
): Promise<{ file: FileHandle; stat: BigIntStats }> {
  const place = await open(beneath(folder, name), O_PATH | O_NOFOLLOW);
  try {
    const stat = await place.stat({ bigint: true });
    requireFile(stat, name);
    return { file: await open(placeOf(place), O_RDONLY | O_NONBLOCK), stat };
  } finally {
    await place.close();
  }
}

/** Errors: `file_refused`. */
export function requireFile(stat: BigIntStats, name: string): void {
  const kind = kindOf(stat);
  if (kind === 'file') return;
  const what = { folder: 'a folder', link: 'a link', other: 'a device, a fifo or a socket' }[kind];
  throw new FileFault('file_refused', `${name} is ${what}, and no file`);
}

export function kindOf(stat: BigIntStats): FileKind {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'folder';
  return stat.isSymbolicLink() ? 'link' : 'other';
}

/** Another for each content: a file that is written anew has another number or time. */
export function etagOf({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map((number) => number.toString(36)).join('-');
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
