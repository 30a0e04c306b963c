/**
 * Runs a file of this project with the Node.js that it pins, whichever Node started this process.
 * In this process when it is that Node already, else in a child that shares its terminal and its fate.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import Module from 'node:module';
import { constants } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import './compile-cache.mjs';
import { findPinnedNode } from './pinned-node.mjs';
import { ensureDependencies } from './setup.mjs';
import { SetupError } from './setup-error.mjs';

/** The first Node.js that runs TypeScript as this project writes it. */
const OLDEST_MAJOR = 24;

const COMPILE_CACHE = new URL('./compile-cache.mjs', import.meta.url).href;

/** The root of this checkout. */
export const root = resolve(fileURLToPath(new URL('../../', import.meta.url)));

/**
 * Installs what is missing, then runs `file` with `args`. The working directory stays what it is.
 * @param {string} file absolute path of a script, or of a program that is none
 * @param {string[]} args
 */
export async function launch(file, args) {
  await explain(async () => {
    await ensureDependencies(root);
    const bin = join(root, 'node_modules', '.bin');
    const path = process.env.PATH ?? '';
    if (path.split(delimiter)[0] !== bin) process.env.PATH = `${bin}${delimiter}${path}`;

    if (!isScript(file)) return runChild(file, args);
    const pinned = findPinnedNode(root);
    if (pinned?.version === process.versions.node) return runHere(file, args);
    const recent = Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR;
    if (pinned !== undefined) {
      // It cannot be executed where the C library is another one (Alpine).
      return runChild(
        pinned.path,
        ['--import', COMPILE_CACHE, file, ...args],
        recent ? () => runHere(file, args) : undefined,
      );
    }
    if (recent) return runHere(file, args);
    throw new SetupError(
      `Node.js ${OLDEST_MAJOR} or newer is needed; this is ${process.versions.node}, and there is no packaged ` +
        `one for ${process.platform}-${process.arch} in node_modules. Install it from https://nodejs.org`,
    );
  });
}

/**
 * Runs a program that a dependency brought along.
 * @param {string} name its name in node_modules/.bin
 * @param {string[]} args
 */
export async function launchBin(name, args) {
  await explain(async () => {
    await ensureDependencies(root);
    const link = join(root, 'node_modules', '.bin', name);
    let file;
    try {
      file = realpathSync(link);
    } catch (error) {
      throw new SetupError(`there is no program ${name} (${link}: ${error.code})`);
    }
    await launch(file, args);
  });
}

/** Does `work`; says in one line why it could not be done, when that is not a fault of the program. */
export async function explain(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`cc-executor: ${error.message}\n`);
    if (error.signal === undefined) process.exitCode = 1;
    else endBySignal(error.signal);
  }
}

/** So that whoever waits for this process sees why it ended. */
function endBySignal(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Where the signal does not end this process, the shell's convention for it does.
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
}

function runHere(file, args) {
  process.argv = [process.execPath, file, ...args];
  // Unlike import(), this makes the file the main module, as `node file` does.
  Module.runMain();
}

function runChild(command, args, otherwise) {
  const child = spawn(command, args, { stdio: 'inherit' });
  const forward = (signal) => child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGHUP', forward);
  // The terminal signals the whole group: the child has its own SIGINT and decides when to end.
  process.on('SIGINT', () => {});
  child.on('error', (error) => {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.removeAllListeners(signal);
    if (otherwise !== undefined) return otherwise();
    process.stderr.write(`cc-executor: ${command} cannot be run: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    endBySignal(signal);
  });
}

function isScript(file) {
  if (/\.[cm]?[jt]s$/.test(file)) return true;
  const start = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, start, 0, start.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return /^#!.*\bnode\b/.test(start.toString());
}
