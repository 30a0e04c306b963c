/**
 * The fetched server of this checkout: one folder for each release and architecture, put in place whole, by one process
 * at a time. What is there counts only when it runs; what does not is fetched anew.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FetchError, findTools, unpackServer } from './debian.ts';
import { LockedError, takeLock } from './lock.ts';
import { findPrograms, type RedisProgram, SERVER_NAMES, tryServer } from './programs.ts';
import { whyNotWritable } from './writable.ts';

/** Where fetched servers are, unless another folder is asked for. */
export const serverCache = fileURLToPath(new URL('../../../.cache/redis-server', import.meta.url));

/** Longer than any fetch takes: each of its steps has a limit. */
const OTHERS_MS = 5 * 60_000;

export type FetchOptions = {
  /** Where apt-get and dpkg are looked for. */
  path: string | undefined;
  /** The folder of fetched servers. */
  cache: string;
  signal?: AbortSignal | undefined;
  /** Something is about to be fetched, or another process is fetching: this may take a while. */
  onFetch?: ((folder: string) => void) | undefined;
};

/** The server that was fetched before, or fetches one. Errors: `FetchError`, the signal's reason. */
export async function fetchServer(options: FetchOptions): Promise<RedisProgram> {
  const { cache, signal } = options;
  const folder = join(cache, await describePlatform());
  const found = await findFetched(folder, signal);
  if (found !== undefined) return found;
  const tools = findTools(options.path);
  const obstacle = whyNotWritable(cache);
  if (obstacle !== undefined) throw new FetchError(obstacle);
  options.onFetch?.(folder);
  let release: (() => void) | undefined;
  try {
    await mkdir(cache, { recursive: true });
    release = await takeLock(`${folder}.lock`, { waitMs: OTHERS_MS, signal });
    // Another process may have fetched it while this one waited.
    return (await findFetched(folder, signal)) ?? (await replace(folder, tools, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof FetchError) throw error;
    if (error instanceof LockedError)
      throw new FetchError(`another process has been fetching one for ${OTHERS_MS / 60_000} min`);
    throw new FetchError((error as Error).message, { cause: error });
  } finally {
    release?.();
  }
}

async function findFetched(folder: string, signal?: AbortSignal): Promise<RedisProgram | undefined> {
  for (const file of findPrograms(SERVER_NAMES, join(folder, 'bin'))) {
    const tried = await tryServer(file, signal);
    if ('program' in tried) return tried.program;
  }
  return undefined;
}

async function replace(
  folder: string,
  tools: ReturnType<typeof findTools>,
  signal?: AbortSignal,
): Promise<RedisProgram> {
  const partial = `${folder}.partial-`;
  await removeAll(partial);
  const preparing = await mkdtemp(partial);
  try {
    const tried = await tryServer(await unpackServer(preparing, tools, signal), signal);
    if ('fault' in tried) throw new FetchError(`the fetched server cannot run: ${tried.fault}`);
    // For the other users of this checkout, too.
    await chmod(preparing, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(preparing, folder);
    return { ...tried.program, file: join(folder, 'bin', tried.program.name) };
  } finally {
    await rm(preparing, { recursive: true, force: true });
  }
}

/** What processes that were killed have left. */
async function removeAll(prefix: string): Promise<void> {
  const parent = join(prefix, '..');
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (path.startsWith(prefix)) await rm(path, { recursive: true, force: true });
  }
}

/** Packages fit one release of one system, on one architecture: `debian-12-x64`. */
async function describePlatform(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (name: string) => new RegExp(`^${name}="?([\\w.-]+)"?$`, 'm').exec(text)?.[1];
  const release = value('VERSION_ID') ?? value('VERSION_CODENAME') ?? 'rolling';
  return `${value('ID') ?? process.platform}-${release}-${process.arch}`;
}
