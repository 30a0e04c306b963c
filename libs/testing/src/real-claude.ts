/**
 * The real Claude Code that tests run: the one at CLAUDE_BIN, else the one on PATH, else the one that tools/claude-code
 * pins, which npm fetches into that folder. What is there counts only when it runs; what does not is fetched anew.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findPrograms, LockedError, takeLock, whyNotWritable } from '@cc-executor/local-redis';

const run = promisify(execFile);

const VERSION_MS = 60_000;
const INSTALL_MS = 5 * 60_000;

export type RealClaude = { bin: string; version: string } | { missing: string };

type ClaudeChoice = {
  bin?: string | undefined;
  path: string | undefined;
  /** Whether the pinned one may be fetched, or used when it was fetched before. */
  mayFetch: boolean;
  /** Holds a package.json with the pinned version, and its lock file; unless it is this checkout's. */
  folder?: string;
  /** The pinned one is about to be fetched, or another process is fetching it. */
  onFetch?: (version: string, folder: string) => void;
};

/** Chooses one, and says why there is none. Never rejects. */
export async function chooseClaude(choice: ClaudeChoice): Promise<RealClaude> {
  const { bin, path, mayFetch } = choice;
  if (bin !== undefined) return tryClaude(bin, 'CLAUDE_BIN');
  const [found] = findPrograms(['claude'], path);
  if (found !== undefined) return tryClaude(found, 'claude on PATH');
  const nowhere = 'the real Claude Code is neither at CLAUDE_BIN nor on PATH';
  if (!mayFetch) return { missing: `${nowhere}, and may not be fetched (TEST_CLAUDE)` };
  try {
    return await fetchPinned(choice);
  } catch (error) {
    return { missing: `${nowhere}, and could not be fetched: ${firstLine(error)}` };
  }
}

async function tryClaude(bin: string, what: string): Promise<RealClaude> {
  try {
    return { bin, version: await readVersion(bin) };
  } catch (error) {
    return { missing: `${what} cannot be run (${bin}): ${firstLine(error)}` };
  }
}

async function fetchPinned({ path, folder = pinnedFolder, onFetch }: ClaudeChoice): Promise<RealClaude> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const pinned: string = manifest.dependencies['@anthropic-ai/claude-code'];
  const bin = join(folder, 'node_modules/.bin/claude');
  const isThere = async () => (await readVersion(bin).catch(() => undefined)) === pinned;
  if (await isThere()) return { bin, version: pinned };
  const [npm] = findPrograms(['npm'], path);
  if (npm === undefined) throw new Error('there is no npm on PATH');
  const obstacle = whyNotWritable(join(folder, 'node_modules'));
  if (obstacle !== undefined) throw new Error(obstacle);
  onFetch?.(pinned, join(folder, 'node_modules'));
  const release = await takeLock(await lockFile(folder), { waitMs: INSTALL_MS });
  try {
    // Another process may have fetched it while this one waited.
    if (!(await isThere())) {
      const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
      await run(npm, args, { cwd: folder, timeout: INSTALL_MS });
    }
    return { bin, version: await readVersion(bin) };
  } catch (error) {
    if (error instanceof LockedError) throw new Error('another process has been fetching it for too long');
    throw error;
  } finally {
    release();
  }
}

const pinnedFolder = fileURLToPath(new URL('../../../tools/claude-code', import.meta.url));

/** Beside the folder that npm deletes first. */
async function lockFile(folder: string): Promise<string> {
  const file = join(folder, '../../.cache/claude-code.lock');
  await mkdir(dirname(file), { recursive: true });
  return file;
}

async function readVersion(bin: string): Promise<string> {
  const asked = run(bin, ['--version'], { timeout: VERSION_MS });
  asked.child.stdin?.end();
  const version = /^\d+\.\d+\.\S+/.exec((await asked).stdout)?.[0];
  if (version === undefined) throw new Error('it does not tell its version');
  return version;
}

/** The words of npm or of the program itself, where there are any. */
export function firstLine(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string };
  return (stderr?.trim() || message).split('\n', 1)[0] ?? '';
}
