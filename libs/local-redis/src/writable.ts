/** Why this user cannot write somewhere, and what to do: mostly another user was here first. */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Undefined when files can be made in the folder, which need not exist yet. */
export function whyNotWritable(folder: string): string | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return whyNotWritable(dirname(folder));
  if (!stats.isDirectory()) return `${folder} is not a folder`;
  return mayWrite(folder) ? undefined : describeOwner(folder, stats);
}

/** Says whose it is. */
export function describeOwner(path: string, { uid }: Pick<Stats, 'uid'>): string {
  const own = process.getuid?.();
  if (own === undefined || own === uid || own === 0) return `${path} cannot be written to`;
  const name = (id: number) => (id === 0 ? 'root' : `user ${id}`);
  return `${path} belongs to ${name(uid)}, and this is ${name(own)} (sudo chown -R ${own} '${path}')`;
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    // EACCES, or EROFS where everything is read-only.
    return false;
  }
}
