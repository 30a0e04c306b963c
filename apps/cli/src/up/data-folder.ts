/** Finds out before anything is started whether Redis can keep its data where it shall. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeOwner, whyNotWritable } from '@cc-executor/local-redis';
import { claimPrivateFolder, PrivateFolderError } from '@cc-executor/runtime';
import { UpError } from './up-error.ts';

/** Makes the folder if it is missing, and closes it to others. @throws UpError that says what is in the way, and what to do */
export function claimDataFolder(folder: string): void {
  const obstacle = whyNotWritable(folder) ?? whyNotOwn(folder) ?? findForeign(folder);
  if (obstacle === undefined) return;
  throw new UpError(
    `redis cannot keep its data in ${folder}: ${obstacle}; correct that, or set UP_DATA_DIR to another folder`,
  );
}

function whyNotOwn(folder: string): string | undefined {
  try {
    claimPrivateFolder(folder);
    return undefined;
  } catch (error) {
    if (error instanceof PrivateFolderError) return error.message;
    throw error;
  }
}

/** What another user's Redis has left there, which this user's cannot go on with. */
function findForeign(folder: string): string | undefined {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory();
    const mode = constants.R_OK | constants.W_OK | (isFolder ? constants.X_OK : 0);
    try {
      accessSync(path, mode);
    } catch {
      return describeOwner(path, statSync(path));
    }
    const within = isFolder ? findForeign(path) : undefined;
    if (within !== undefined) return within;
  }
  return undefined;
}
