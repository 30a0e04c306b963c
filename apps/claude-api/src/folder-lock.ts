/**
 * Locks between processes, as files: one that says whose it is and is touched while it is held. It lapses when its
 * owner has provably ended, or, for an owner that cannot be seen from here (another container), when it was not
 * touched for a while.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isOwnerGone, ownOwner } from './process-owner.ts';

const TOUCH_EVERY_MS = 10_000;
const LAPSES_AFTER_MS = 60_000;

export type FolderLock = {
  /** Idempotent. */
  release(): Promise<void>;
};

/**
 * Takes the lock.
 *
 * @returns undefined when somebody holds it
 * @throws the system's error when the file cannot be written
 */
export async function acquireLock(path: string): Promise<FolderLock | undefined> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (!(await create(path))) {
    if (!(await hasLapsed(path))) return undefined;
    // Of several that see the lapsed lock only one can move it away, and only one can then make the new one.
    const aside = `${path}.${randomUUID()}`;
    try {
      await rename(path, aside);
    } catch {
      return undefined;
    }
    await rm(aside, { force: true });
    if (!(await create(path))) return undefined;
  }
  const touching = setInterval(() => {
    const now = new Date();
    // A lock that was removed by hand is gone; there is nobody to tell.
    utimes(path, now, now).catch(() => {});
  }, TOUCH_EVERY_MS);
  touching.unref();
  let released: Promise<void> | undefined;
  return {
    release() {
      clearInterval(touching);
      released ??= rm(path, { force: true });
      return released;
    },
  };
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(ownOwner);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function hasLapsed(path: string): Promise<boolean> {
  try {
    const owner = await readFile(path, 'utf8');
    if (isOwnerGone(owner)) return true;
    return Date.now() - (await stat(path)).mtimeMs > LAPSES_AFTER_MS;
  } catch {
    // It was released meanwhile: the next try gets it.
    return false;
  }
}
