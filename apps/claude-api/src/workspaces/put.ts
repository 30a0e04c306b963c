/**
 * Puts a file: what comes is written beside the workspaces and takes its place whole, once it is all there and its
 * conditions hold. A file that others read meanwhile stays what it was.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { beneath, etagOf, openFolder, requireFile } from './beneath.ts';
import { asFileFault, FileFault } from './fault.ts';

/** In the root of the workspaces, where none can have this name. */
const INCOMING = '.incoming';

export type PutOptions = {
  /** Names of the workspace and of folders in it; those that are missing are made. */
  readonly folder: readonly string[];
  readonly name: string;
  readonly body: AsyncIterable<Buffer>;
  readonly maxBytes: number;
  /** What the file must be now. */
  readonly ifMatch?: string | undefined;
  /** There must be none. */
  readonly isNew?: boolean;
  /** In base64, of what is to come. */
  readonly sha256?: string | undefined;
};

export type PutResult = { created: boolean; bytes: number; sha256: string; etag: string };

/** One after another, so that of two that have seen the same file one only takes its place. */
let placing: Promise<unknown> = Promise.resolve();

/** Errors: `FileFault`; that of a body that breaks off, and then nothing is changed. */
export async function putFile(root: string, options: PutOptions): Promise<PutResult> {
  const { body, maxBytes } = options;
  const incoming = await openFolder(root, [INCOMING], { make: true });
  const name = randomUUID();
  const from = beneath(incoming, name);
  try {
    const file = await open(from, 'wx', 0o666);
    const { bytes, hash } = await write(file, body, maxBytes).finally(() => file.close());
    if (options.sha256 !== undefined && options.sha256 !== hash.toString('base64')) {
      throw new FileFault('digest_mismatch', 'What came is not what its digest says');
    }
    const turn = placing.then(() => place(root, from, options));
    placing = turn.catch(() => undefined);
    return { ...(await turn), bytes, sha256: hash.toString('hex') };
  } catch (error) {
    throw asFileFault(error, options.name);
  } finally {
    await rm(from, { force: true });
    await incoming.close();
  }
}

async function write(file: FileHandle, body: AsyncIterable<Buffer>, maxBytes: number) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    hash.update(piece);
    await file.writeFile(piece);
  }
  return { bytes, hash: hash.digest() };
}

async function place(root: string, from: string, { folder: names, name, ifMatch, isNew }: PutOptions) {
  const folder = await openFolder(root, names, { make: true });
  try {
    const there = await statOf(beneath(folder, name));
    if (there !== undefined) requireFile(there, name);
    if (isNew === true && there !== undefined)
      throw new FileFault('file_changed', 'The file is there already');
    if (ifMatch !== undefined && (there === undefined || etagOf(there) !== ifMatch)) {
      throw new FileFault(
        'file_changed',
        'The file is not the one that is meant: it was changed, or is gone',
      );
    }
    await rename(from, beneath(folder, name));
    const now = await lstat(beneath(folder, name), { bigint: true });
    return { created: there === undefined, etag: etagOf(now) };
  } finally {
    await folder.close();
  }
}

function statOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
}

export function tooLarge(maxBytes: number): FileFault {
  return new FileFault('file_too_large', `A file may have at most ${maxBytes} bytes (CLAUDE_FILE_MAX_BYTES)`);
}
