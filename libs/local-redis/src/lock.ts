/** A lock between processes. SQLite holds it, so the system frees it however its owner ends. */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

const SQLITE_BUSY = 5;
const LOOK_AGAIN_MS = 100;

/** Another process has the lock. */
export class LockedError extends Error {
  override readonly name = 'LockedError';
}

/**
 * Takes the lock, and resolves with the function that lets the next one in.
 *
 * @param file is made where there is none, in a folder that exists
 * @param options.waitMs how long another process may have it; then LockedError
 * @throws Error when the file cannot be written; the signal's reason
 */
export async function takeLock(
  file: string,
  options: { waitMs: number; signal?: AbortSignal | undefined },
): Promise<() => void> {
  const giveUpAt = performance.now() + options.waitMs;
  for (;;) {
    const lock = tryLock(file);
    if (lock !== undefined) return () => lock.close();
    if (performance.now() >= giveUpAt) throw new LockedError(`another process has ${file}`);
    await wait(LOOK_AGAIN_MS, undefined, { signal: options.signal });
  }
}

function tryLock(file: string): DatabaseSync | undefined {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}
