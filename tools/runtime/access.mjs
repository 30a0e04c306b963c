/** Finds out before something is installed whether this user may write where it goes. */
import { accessSync, constants, statSync } from 'node:fs';

/**
 * @param {string[]} folders those that do not exist are left out
 * @returns {string | undefined} what is in the way, and what to do
 */
export function whyNotWritable(folders) {
  for (const folder of folders) {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    try {
      accessSync(folder, constants.W_OK | constants.X_OK);
    } catch {
      return describeOwner(folder, stats.uid);
    }
  }
  return undefined;
}

function describeOwner(folder, uid) {
  const own = process.getuid?.();
  if (own === undefined || own === uid || own === 0) return `${folder} cannot be written to`;
  const name = (id) => (id === 0 ? 'root' : `user ${id}`);
  return (
    `${folder} belongs to ${name(uid)}, and this is ${name(own)}, who cannot install there: give it to this user ` +
    `(sudo chown -R ${own} '${folder}'), or delete it`
  );
}
