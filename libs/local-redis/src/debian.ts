/**
 * Gets a Redis server and the libraries that it lacks here from the machine's own package sources, with apt-get and
 * dpkg, as any user: nothing is installed, and no folder but the given one is written to.
 */
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPrograms, SERVER_NAMES } from './programs.ts';
import { type Outcome, runProgram } from './run-program.ts';

const LISTS_MS = 90_000;
const PACKAGES_MS = 60_000;
const UNPACK_MS = 30_000;

/** Why no server could be fetched, in words. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
}

type Tools = { aptGet: string; dpkg: string };

/** What is needed on PATH. Throws `FetchError` where it is missing. */
export function findTools(path: string | undefined): Tools {
  const [aptGet] = findPrograms(['apt-get'], path);
  const [dpkg] = findPrograms(['dpkg'], path);
  if (aptGet === undefined || dpkg === undefined) {
    throw new FetchError(`there is no ${aptGet === undefined ? 'apt-get' : 'dpkg'} here to fetch one with`);
  }
  return { aptGet, dpkg };
}

/**
 * Fills an empty folder: `bin/redis-server` (or valkey-server) runs the server with its libraries, wherever the folder
 * is moved. Resolves with that file. Errors: `FetchError`, the signal's reason.
 */
export async function unpackServer(folder: string, tools: Tools, signal?: AbortSignal): Promise<string> {
  const apt = join(folder, 'apt');
  await mkdir(join(apt, 'state/lists/partial'), { recursive: true });
  await mkdir(join(apt, 'cache/archives/partial'), { recursive: true });
  const name = await download(apt, tools, signal);
  const archives = join(apt, 'cache/archives');
  for (const file of await readdir(archives)) {
    // The C library must be the one that belongs to this machine's loader.
    if (!file.endsWith('.deb') || file.startsWith('libc6_')) continue;
    const args = ['-x', join(archives, file), join(folder, 'root')];
    const { fault } = await runProgram(tools.dpkg, args, { timeoutMs: UNPACK_MS, signal });
    if (fault !== undefined) throw new FetchError(`dpkg cannot unpack ${file}: ${fault}`);
  }
  await rm(apt, { recursive: true });
  return writeStarter(folder, name);
}

/** Resolves with the name of the server that there is. */
async function download(apt: string, { aptGet }: Tools, signal?: AbortSignal): Promise<string> {
  const options = [
    ...['-qq', '-c', fileURLToPath(new URL('../apt.conf', import.meta.url))],
    ...['-o', `Dir::State=${join(apt, 'state')}`, '-o', 'Dir::State::status=/var/lib/dpkg/status'],
    ...['-o', `Dir::Cache=${join(apt, 'cache')}`],
    // As root, apt would hand over to a user who may not write here.
    ...(process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []),
  ];
  const lists = await runProgram(aptGet, [...options, 'update'], { timeoutMs: LISTS_MS, signal });
  let packages: Outcome | undefined;
  for (const name of SERVER_NAMES) {
    const install = ['install', '--yes', '--download-only', '--reinstall', '--no-install-recommends'];
    // The program itself lies in the package of tools, which may be installed here without the server.
    const names = [name.replace('-server', '-tools'), name];
    packages = await runProgram(aptGet, [...options, ...install, ...names], {
      timeoutMs: PACKAGES_MS,
      signal,
    });
    if (packages.fault === undefined) return name;
  }
  // A source that cannot be reached is only a warning to apt, and then the package is not known.
  const complaint = /^[EW]: (.*)$/m.exec(lists.stderr)?.[1] ?? lists.fault ?? packages?.fault;
  throw new FetchError(`apt-get: ${complaint}`);
}

/** A script, so that the libraries are seen by the server alone, and nobody has to know where they are. */
async function writeStarter(folder: string, name: string): Promise<string> {
  const libraries = (await listLibraries(join(folder, 'root'))).map((path) => `"$here/../root/${path}"`);
  const file = join(folder, 'bin', name);
  await mkdir(join(folder, 'bin'));
  // Without `dirname`, which a bare PATH does not hold.
  const script = `#!/bin/sh
here=\${0%/*}
export LD_LIBRARY_PATH=${libraries.join(':')}
exec "$here/../root/usr/bin/${name}" "$@"
`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return file;
}

/** The folders of libraries, relative to the root: Debian has one for each architecture. */
async function listLibraries(root: string): Promise<string[]> {
  const found = await Promise.all(
    ['usr/lib', 'lib'].map(async (base) => {
      const entries = await readdir(join(root, base), { withFileTypes: true }).catch(() => []);
      const own = entries.filter((entry) => entry.isDirectory() && entry.name.includes('-linux-'));
      return [base, ...own.map((entry) => `${base}/${entry.name}`)];
    }),
  );
  return found.flat();
}
