/**
 * Makes sure that the dependencies of this checkout are installed, before anything of it runs.
 * Plain JavaScript without dependencies, so that any Node from 20 on can run it on a fresh clone.
 * `node_modules/.cc-executor-setup` remembers for which lock file and platform they were installed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whyNotWritable } from './access.mjs';
import { runNpmCi } from './npm-ci.mjs';
import { pinnedNodeFolder } from './pinned-node.mjs';
import { SetupError } from './setup-error.mjs';
import { takeLock } from './setup-lock.mjs';

const INSTALL_LIMIT_MS = 10 * 60_000;

/**
 * Installs what package-lock.json asks for, unless it is there.
 * @param {string} root the folder of package-lock.json
 * @throws {SetupError} when it cannot
 */
export async function ensureDependencies(root) {
  const lockFile = readFileSync(join(root, 'package-lock.json'));
  const stamp = createHash('sha256')
    .update(lockFile)
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
  const lock = JSON.parse(String(lockFile));
  const stampFile = join(root, 'node_modules', '.cc-executor-setup');
  const isReady = () => read(stampFile) === stamp && isComplete(root, lock);
  if (isReady()) return;
  if (isInstalled(root, lock)) return remember(stampFile, stamp);

  const obstacle = whyNotWritable([root, join(root, '.cache'), join(root, 'node_modules')]);
  if (obstacle !== undefined) throw new SetupError(obstacle);
  const owned = await takeLock(join(root, '.cache', 'setup.lock'), {
    waitMs: INSTALL_LIMIT_MS,
    onWait: () => process.stderr.write('Another process is installing the dependencies; waiting for it …\n'),
  });
  if (owned === undefined) throw new SetupError('another installation has not ended');
  try {
    // Another start may have installed them while this one waited.
    if (isReady()) return;
    process.stderr.write('Installing dependencies (npm ci) …\n');
    await runNpmCi(root, owned.addWorker);
    remember(stampFile, stamp);
  } finally {
    owned.release();
  }
}

/** An `npm ci` that was interrupted has deleted packages, and perhaps not yet the stamp. */
function isComplete(root, lock) {
  return Object.entries(lock.packages).every(
    ([path, { optional }]) =>
      path === '' || optional === true || existsSync(join(root, path, 'package.json')),
  );
}

/** True when npm's own record of node_modules agrees with the lock file: somebody ran `npm ci` by hand. */
function isInstalled(root, lock) {
  const installed = readRecord(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return false;
  const pinned = pinnedNodeFolder();
  // Packages for other platforms are absent. Without this platform's Node it was installed on another one.
  if (pinned !== undefined && lock.packages[pinned] !== undefined && installed[pinned] === undefined)
    return false;
  if (!isComplete(root, lock)) return false;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    const found = installed[path];
    if (path === '') return true;
    if (found === undefined) return wanted.optional === true;
    return (
      found.version === wanted.version && found.integrity === wanted.integrity && found.link === wanted.link
    );
  });
}

function readRecord(file) {
  try {
    return JSON.parse(read(file) ?? '{}').packages;
  } catch (error) {
    // Cut off in the middle of writing.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function remember(stampFile, stamp) {
  try {
    writeFileSync(stampFile, stamp);
  } catch (error) {
    // In a read-only image the stamp cannot be kept; the comparison is then made at every start.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(error.code)) throw error;
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
