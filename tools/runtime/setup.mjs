/**
 * Makes sure that the dependencies of this checkout are installed, before anything of it runs.
 * Plain JavaScript without dependencies, so that any Node from 20 on can run it on a fresh clone.
 * `node_modules/.cc-executor-setup` remembers for which lock file and platform they were installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pinnedNodeFolder } from './pinned-node.mjs';

const INSTALL_LIMIT_MS = 10 * 60_000;

/** A reason not to go on that its message explains; no stack is needed. */
export class SetupError extends Error {}

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
  const stampFile = join(root, 'node_modules', '.cc-executor-setup');
  const isReady = () => read(stampFile) === stamp;
  if (isReady()) return;
  if (isInstalled(root, JSON.parse(String(lockFile)))) return remember(stampFile, stamp);

  const release = await takeLock(join(root, '.cache', 'setup.lock'));
  try {
    // Another start may have installed them while this one waited.
    if (isReady()) return;
    install(root);
    remember(stampFile, stamp);
  } finally {
    release();
  }
}

/** True when npm's own record of node_modules agrees with the lock file: somebody ran `npm ci` by hand. */
function isInstalled(root, lock) {
  const record = read(join(root, 'node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const pinned = pinnedNodeFolder();
  // Packages for other platforms are absent. Without this platform's Node it was installed on another one.
  if (pinned !== undefined && lock.packages[pinned] !== undefined && installed[pinned] === undefined)
    return false;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    const found = installed[path];
    if (path === '') return true;
    if (found === undefined) return wanted.optional === true;
    return (
      found.version === wanted.version && found.integrity === wanted.integrity && found.link === wanted.link
    );
  });
}

function install(root) {
  process.stderr.write('Installing dependencies (npm ci) …\n');
  const bin = join(root, 'node_modules', '.bin');
  // npm must not run on the Node inside the folder that it is about to delete.
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== bin);
  const result = spawnSync(
    'npm',
    ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      env: { ...process.env, PATH: path.join(delimiter) },
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    },
  );
  if (result.error?.code === 'ENOENT') {
    throw new SetupError(
      'npm was not found. Install Node.js 20 or newer together with npm: https://nodejs.org',
    );
  }
  if (result.error !== undefined) throw new SetupError(`npm could not be started: ${result.error.message}`);
  if (result.signal !== null) throw new SetupError(`npm ci was ended by ${result.signal}`);
  if (result.status !== 0) {
    throw new SetupError(
      `npm ci failed with exit code ${result.status}; its own message is above. It needs the npm registry: ` +
        `check the network or the proxy, then run \`npm ci\` in ${root}`,
    );
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

/** Waits until no other process installs; returns the function that lets the next one in. */
async function takeLock(lockFile) {
  mkdirSync(dirname(lockFile), { recursive: true });
  const giveUpAt = Date.now() + INSTALL_LIMIT_MS;
  while (!tryLock(lockFile)) {
    if (Date.now() > giveUpAt) {
      throw new SetupError(`another installation has not ended; if none is running, delete ${lockFile}`);
    }
    await wait(200);
  }
  return () => rmSync(lockFile, { force: true });
}

function tryLock(lockFile) {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const owner = read(lockFile);
  // An empty file is one whose owner has not written its id yet.
  if (owner !== undefined && owner !== '' && !isAlive(Number(owner))) rmSync(lockFile, { force: true });
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
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
