/**
 * Folders that are this user's alone. In a place where everybody may make folders, such as /tmp, another user can be there
 * first and put links where our files will be. What is accepted here is a folder, no link, belongs to this user, and lets
 * nobody else in; from then on nobody else can change what is in it.
 */
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

/** A flag for opening a file in such a folder: a link in the place of the file is an error. Windows knows no such flag. */
export const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

const { O_RDONLY, O_DIRECTORY = 0 } = constants;
const OTHERS_MAY_WRITE = 0o002;
const OTHERS = 0o077;

/** The folder is not, or cannot be made, this user's alone. The message names it and says why. */
export class PrivateFolderError extends Error {
  override readonly name = 'PrivateFolderError';
}

/** A name for this user, for folders where others have theirs too. */
export function userSuffix(): string {
  return String(process.getuid?.() ?? userInfo().username);
}

/**
 * Makes the folder, or checks that it is this user's alone; one that others may look into, but not write to, is closed to
 * them.
 *
 * @throws PrivateFolderError
 */
export function claimPrivateFolder(folder: string): void {
  let fault: string | undefined;
  try {
    makeFolder(folder);
    fault = whyNotOwn(folder);
  } catch (error) {
    fault = `cannot be used: ${(error as Error).message}`;
  }
  if (fault !== undefined) throw new PrivateFolderError(`${folder} ${fault}`);
}

function makeFolder(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  try {
    // Does not follow a link in its place.
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function whyNotOwn(folder: string): string | undefined {
  const own = process.getuid?.();
  // Of Windows Node knows no owners.
  if (own === undefined) return undefined;
  const seen = lstatSync(folder);
  if (seen.isSymbolicLink()) return 'is a link';
  if (!seen.isDirectory()) return 'is not a folder';
  if (seen.uid !== own) return `belongs to ${nameOf(seen.uid)}, and this is ${nameOf(own)}`;
  // What was looked at may have been moved away since; what is open cannot be.
  const descriptor = openSync(folder, O_RDONLY | O_DIRECTORY | NO_FOLLOW);
  try {
    const { uid, mode } = fstatSync(descriptor);
    if (uid !== own) return `belongs to ${nameOf(uid)}, and this is ${nameOf(own)}`;
    if (mode & OTHERS_MAY_WRITE) return 'lets everybody write, who may have put something there';
    if (mode & OTHERS) fchmodSync(descriptor, mode & 0o700);
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function nameOf(uid: number): string {
  return uid === 0 ? 'root' : `user ${uid}`;
}
