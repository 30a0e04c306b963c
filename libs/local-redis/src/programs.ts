/** Redis servers as programs: which ones a PATH holds, and whether one of them runs on this machine. */
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { runProgram } from './run-program.ts';

export type RedisProgram = {
  /** redis-server or valkey-server. */
  readonly name: string;
  readonly file: string;
  readonly version: string;
};

export const SERVER_NAMES = ['redis-server', 'valkey-server'] as const;

const ANSWER_MS = 10_000;

/** The files that a shell would run for these names, the first name's first; each file once. */
export function findPrograms(names: readonly string[], path: string | undefined): string[] {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  const files = new Map<string, string>();
  for (const file of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    if (!isExecutable(file)) continue;
    const target = realpathSync(file);
    if (!files.has(target)) files.set(target, file);
  }
  return [...files.values()];
}

/** Asks a server for its version, which shows that it runs: `fault` says why it does not. */
export async function tryServer(
  file: string,
  signal?: AbortSignal,
): Promise<{ program: RedisProgram } | { fault: string }> {
  const { fault, stdout } = await runProgram(file, ['--version'], { timeoutMs: ANSWER_MS, signal });
  if (fault !== undefined)
    return { fault: isForAnotherMachine(file) ? 'it is for another kind of machine' : fault };
  const version = /\bv=(\d[^\s]*)/.exec(stdout)?.[1];
  if (version === undefined) return { fault: "what it answers to --version is not a Redis server's answer" };
  return { program: { name: basename(file), file, version } };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not for us: look on.
    return false;
  }
}

/** Whether its header differs from that of this very process. The system itself takes such a file for a script. */
function isForAnotherMachine(file: string): boolean {
  const [own, other] = [readHeader(process.execPath), readHeader(file)];
  const isElf = (header: Buffer) => header.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
  // Word size and byte order, and the machine.
  const kind = (header: Buffer) => Buffer.concat([header.subarray(4, 6), header.subarray(18, 20)]);
  return isElf(own) && isElf(other) && !kind(own).equals(kind(other));
}

function readHeader(file: string): Buffer {
  const header = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
    return header;
  } finally {
    closeSync(descriptor);
  }
}
