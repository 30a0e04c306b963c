/**
 * A file that an operator may change at any time. What it holds is read again when it, its mode, or, after a rename, what stands
 * in its place is another; one that cannot be read changes nothing: what the last good one held goes on, and `fault` says why.
 */
import { statSync } from 'node:fs';

export type LastGoodFile<T> = {
  /** Reads it again if it has changed. */
  look(): void;
  /** What the last good one held. */
  value(): T;
  /** Why the file as it is now is not in use. */
  fault(): string | undefined;
};

/**
 * Reads it for the first time; throws what `read` throws.
 *
 * @param options.read makes of the file what it holds, or throws; the message says what is wrong
 * @param options.onRead called for each good one after the first, and for each fault
 */
export function openLastGoodFile<T>(options: {
  path: string;
  read: (path: string) => T;
  onRead: (outcome: { value: T } | { fault: string }) => void;
}): LastGoodFile<T> {
  const { path, read, onRead } = options;
  let seen = versionOf(path);
  let value = read(path);
  let fault: string | undefined;
  return {
    look() {
      const version = versionOf(path);
      if (version === seen) return;
      seen = version;
      try {
        value = read(path);
        fault = undefined;
        onRead({ value });
      } catch (error) {
        fault = (error as Error).message;
        onRead({ fault });
      }
    },
    value: () => value,
    fault: () => fault,
  };
}

/** What changes when the file, or its mode, does. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined
    ? 'missing'
    : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}
