/**
 * Runs a Redis server for `cc-executor up`: `redis-guard.ts <data folder> <program> [arguments]`.
 * Three things that redis-server cannot do itself: it has a password that no list of processes shows, it ends when this
 * process does (which ends with its parent), and it is alone on its data folder. The lock is SQLite's, so the system frees it whatever happens.
 */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { LockedError, takeLock } from '@cc-executor/local-redis';
import { claimPrivateFolder, exitCodes } from '@cc-executor/runtime';
import { readOwnPassword } from './own-password.ts';

/** The Redis of a supervisor that was killed a moment ago may need this long to leave, in ms. */
const LOCK_WAIT_MS = 3_000;

const [folder = '', program = '', ...args] = process.argv.slice(2);
// What Redis writes is for its own user.
process.umask(0o077);
const release = await lockFolder();

const password = readOwnPassword();
if (password !== undefined) args.push('--include', writePassword(password));

// Standard input is this process's own life line (parent-watch.mjs).
const redis = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
const heldBack = forwardWarnings(redis.stdout);
redis.on('error', (error) => {
  process.stderr.write(`cannot run ${program}: ${error.message}\n`);
  process.exit(exitCodes.config);
});
redis.on('close', (code, signal) => {
  release();
  if (code !== 0) process.stdout.write(heldBack.map((line) => `${line}\n`).join(''));
  if (signal !== null) process.stderr.write(`${program} was ended by ${signal}\n`);
  process.exit(code ?? exitCodes.failed);
});
process.on('SIGTERM', () => redis.kill('SIGTERM'));
process.on('SIGINT', () => redis.kill('SIGTERM'));
process.on('exit', () => redis.kill('SIGKILL'));

function writePassword(value: string): string {
  const file = join(folder, 'password.conf');
  // Made anew, so that the mode is ours.
  rmSync(file, { force: true });
  writeFileSync(file, `requirepass ${value}\n`, { mode: 0o600, flag: 'wx' });
  return file;
}

async function lockFolder(): Promise<() => void> {
  try {
    claimPrivateFolder(folder);
    return await takeLock(join(folder, 'up.lock'), { waitMs: LOCK_WAIT_MS });
  } catch (error) {
    const reason =
      error instanceof LockedError
        ? 'another `cc-executor up` of this checkout runs; stop it, or set REDIS_URL to a Redis of your own'
        : (error as Error).message;
    process.stderr.write(`the data folder ${folder} cannot be used or locked: ${reason}\n`);
    process.exit(exitCodes.config);
  }
}

/**
 * Passes on what Redis warns of (marked `#`) while it serves. What it says while starting is of interest only
 * if that fails: it is returned.
 */
function forwardWarnings(output: Readable): string[] {
  const starting: string[] = [];
  let serves = false;
  createInterface({ input: output }).on('line', (line) => {
    if (serves) {
      if (/ # /.test(line)) process.stdout.write(`${line}\n`);
      return;
    }
    starting.push(line);
    if (!line.includes('Ready to accept connections')) return;
    serves = true;
    starting.length = 0;
  });
  return starting;
}
