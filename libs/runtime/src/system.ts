/** The machine (or container) as this process sees it: for finding out why something does not work. */
import { statfsSync } from 'node:fs';
import { hostname, tmpdir, totalmem } from 'node:os';

export type SystemView = {
  host: string;
  pid: number;
  /** Version of Node.js, without the v. */
  node: string;
  /** This machine's clock, as a Unix time in ms. */
  time: number;
  /** What can still be allocated, and the limit: of the container, where it has one. */
  memory: { freeBytes: number; totalBytes: number };
  /** Of the folder for temporary files; undefined where it cannot be read. */
  disk?: { path: string; freeBytes: number; totalBytes: number } | undefined;
};

export function describeSystem(): SystemView {
  return {
    host: hostname(),
    pid: process.pid,
    node: process.versions.node,
    time: Date.now(),
    memory: { freeBytes: process.availableMemory(), totalBytes: memoryLimit() },
    disk: describeDisk(tmpdir()),
  };
}

/** Without a limit the system reports none, or one beyond what there is. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function describeDisk(path: string): SystemView['disk'] {
  try {
    const { bavail, blocks, bsize } = statfsSync(path);
    return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    // A read-only container may have no such folder.
    return undefined;
  }
}
