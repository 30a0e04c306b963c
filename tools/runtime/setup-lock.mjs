/**
 * Lets one process at a time install. The lock file names its owner and the npm that works for it, each with the time
 * it was started, so that a process that has got the number of a dead one is not taken for it.
 */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const LOOK_AGAIN_MS = 200;

/**
 * Waits until no other process has the lock. Ends an npm whose owner has died.
 * @param {string} file
 * @param {{ waitMs: number, onWait: () => void }} options
 * @returns {Promise<{ addWorker(pid: number): void, release(): void } | undefined>} undefined after `waitMs`
 */
export async function takeLock(file, { waitMs, onWait }) {
  mkdirSync(dirname(file), { recursive: true });
  const giveUpAt = Date.now() + waitMs;
  for (let tries = 0; !tryLock(file); tries++) {
    if (Date.now() > giveUpAt) return undefined;
    if (tries === 5) onWait();
    await wait(LOOK_AGAIN_MS);
  }
  return {
    addWorker: (pid) => appendFileSync(file, `${identify(pid)}\n`),
    release: () => rmSync(file, { force: true }),
  };
}

function tryLock(file) {
  try {
    writeFileSync(file, `${identify(process.pid)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const text = read(file);
  const [owner, worker] = text?.split('\n') ?? [];
  // An empty file is one whose owner has not written its name yet.
  if (owner === undefined || owner === '' || isAlive(owner)) return false;
  if (worker !== undefined && worker !== '' && isAlive(worker)) endGroup(worker);
  removeStale(file, text);
  return false;
}

/** Only the lock that was judged, not one that another process has taken meanwhile. */
function removeStale(file, text) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    if (read(aside) !== text) linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
}

function endGroup(worker) {
  try {
    process.kill(-Number.parseInt(worker, 10), 'SIGKILL');
  } catch {
    // Gone, or another user's: npm itself will say what is in its way.
  }
}

function identify(pid) {
  return `${pid} ${startOf(pid)}`;
}

function isAlive(identity) {
  const [pid, start = ''] = identity.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return start === '' || start === startOf(pid);
}

/** In ticks of the system's clock; empty where there is no /proc. */
function startOf(pid) {
  // The name before it may hold blanks and parentheses.
  return (
    read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ')[19] ?? ''
  );
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
