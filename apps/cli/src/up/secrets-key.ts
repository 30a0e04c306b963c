/**
 * The key with which the services seal what is secret in jobs: drawn once, for jobs outlive a start of the stack. Its file may
 * hold several, one a line, while it is changed.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimPrivateFolder, NO_FOLLOW } from '@cc-executor/runtime';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = constants;

/** Reads the keys, with blanks between them, or draws one, in a folder that is this user's alone. Errors: `PrivateFolderError`, those of the file. */
export function keepSecretsKey(folder: string): string {
  claimPrivateFolder(folder);
  const path = join(folder, 'secrets.key');
  const key = randomBytes(32).toString('hex');
  try {
    const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | NO_FOLLOW, 0o600);
    writeFileSync(file, key);
    closeSync(file);
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const file = openSync(path, O_RDONLY | NO_FOLLOW);
  try {
    const kept = readFileSync(file, 'utf8').trim().replaceAll(/\s+/g, ' ');
    if (kept.length < key.length) throw new Error(`${path} holds no key: remove it, and one is drawn anew`);
    return kept;
  } finally {
    closeSync(file);
  }
}
