/**
 * A Git repository that a job begins from: some commits of one ref, as in a checkout of CI. Git runs confined as an execution
 * is, with settings of ours only: over http and to the addresses that were judged, without redirects, logins, hooks,
 * filters and submodules. What it would write is counted before it is written.
 */
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { SourceValue } from '@cc-executor/claude-options';
import type { Confine } from '../engine.ts';
import { hasGit, startGit } from '../workspaces/git.ts';
import { SourceFault } from './fault.ts';
import type { Way } from './way.ts';

type Repository = Extract<SourceValue, { git: string }>;

/** A pack is one file, and what counts in its bound is a block of 512 bytes. A lower bound that is there already stays. */
const FETCH = `
ulimit -f "$4" 2>/dev/null
git init -q --template= || exit
git remote add origin "$1" || exit
git fetch -q --depth="$3" --no-tags --no-recurse-submodules origin "$2" || exit
exec git ls-tree -r -t --format='%(objectsize)' FETCH_HEAD
`;
const CHECK_OUT = `
git -c advice.detachedHead=false checkout -q --detach FETCH_HEAD || exit
exec git rev-parse HEAD
`;
const BLOCK_BYTES = 512;
const MAX_MESSAGE_LENGTH = 500;

export type FetchOptions = {
  readonly confine: Confine;
  readonly way: Way;
  /** Of our own, for Git's temporary files. */
  readonly folder: string;
  readonly bounds: { readonly maxBytes: number; readonly maxNames: number };
  readonly signal: AbortSignal;
};

/** Puts it into an empty folder. @returns the commit. Errors: `SourceFault`; the signal's reason */
export async function fetchRepository(
  { git: address, ref = 'HEAD', depth = 1 }: Repository,
  target: string,
  { confine, way, folder, bounds, signal }: FetchOptions,
): Promise<string> {
  if (!hasGit()) throw new SourceFault('source_unavailable', 'Git is not installed where claude-api runs');
  const { maxBytes, maxNames } = bounds;
  const url = new URL(address);
  const run = {
    workspace: target,
    repository: join(target, '.git'),
    folder,
    settings: {
      [`protocol.${url.protocol.slice(0, -1)}.allow`]: 'always',
      'http.followRedirects': 'false',
      ...(way.addresses && { 'http.curloptResolve': pinned(url, way.addresses) }),
      'credential.helper': '',
      'core.hooksPath': '/dev/null',
      'fetch.unpackLimit': '1',
      'gc.auto': '0',
      'maintenance.auto': 'false',
    },
    environment: way.proxy,
  };
  const tooLarge = new AbortController();
  const told = AbortSignal.any([signal, tooLarge.signal]);

  async function script(text: string, args: readonly string[], onOutput: (piece: Buffer) => void) {
    const ending = await startGit({ ...run, script: text, args }, confine, { signal: told, onOutput });
    signal.throwIfAborted();
    const { exitCode, stderr, spawnError } = ending;
    if (tooLarge.signal.aborted || /died of signal 25|File too large/.test(stderr)) {
      throw new SourceFault(
        'source_too_large',
        `The repository has more than ${maxBytes} bytes (CLAUDE_ARCHIVE_MAX_BYTES) or ${maxNames} files (CLAUDE_FILES_MAX)`,
      );
    }
    if (exitCode === 0) return;
    const why = (spawnError?.message ?? stderr).slice(0, MAX_MESSAGE_LENGTH);
    throw new SourceFault('source_unreachable', `Git could not fetch ${ref} of ${address}: ${why}`);
  }

  const count = countSizes(bounds, () => tooLarge.abort());
  await script(FETCH, [address, ref, String(depth), String(Math.ceil(maxBytes / BLOCK_BYTES))], count);
  let commit = '';
  await script(CHECK_OUT, [], (piece) => {
    commit += piece;
  });
  return commit.trim();
}

/** As Git and curl read it: `host:port:address,…`. What is an address itself needs none. */
function pinned(url: URL, addresses: readonly string[]): string {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const spelled = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address));
  return `${url.hostname}:${port}:${spelled.join(',')}`;
}

/** Of lines with a size each, or `-` for a folder. */
function countSizes({ maxBytes, maxNames }: FetchOptions['bounds'], exceeded: () => void) {
  let names = 0;
  let bytes = 0;
  let rest = '';
  return (piece: Buffer) => {
    const lines = (rest + piece.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      names += 1;
      bytes += Number(line) || 0;
    }
    if (names > maxNames || bytes > maxBytes) exceeded();
  };
}
