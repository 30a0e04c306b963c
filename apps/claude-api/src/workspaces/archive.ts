/** A folder as a stream of tar: its folders and regular files, nothing else. */
import type { FileHandle } from 'node:fs/promises';
import { openFile } from './beneath.ts';
import { FileFault } from './fault.ts';
import { readPart } from './read.ts';
import { TAR_END, tarHeader, tarPadding } from './tar.ts';
import { type WalkOptions, walk } from './walk.ts';

const FILLING = Buffer.alloc(64 * 1024);

export type ArchiveBounds = { readonly maxBytes: number; readonly maxNames: number };

/** Looks whether it is within the bounds, before anything of it is sent. Errors: `file_too_large`. */
export async function measureArchive(
  folder: FileHandle,
  { without, ...bounds }: ArchiveBounds & Pick<WalkOptions, 'without'>,
): Promise<void> {
  const count = createCount(bounds);
  for await (const { kind, stat } of walk(folder, {
    isDeep: true,
    maxNames: bounds.maxNames,
    ...(without && { without }),
  })) {
    count(kind === 'file' ? Number(stat.size) : 0);
  }
}

/** Errors: `file_too_large` when it grew beyond the bounds meanwhile. A file that became shorter is filled up with zeros. */
export async function* packFolder(folder: FileHandle, bounds: ArchiveBounds): AsyncGenerator<Buffer> {
  const count = createCount(bounds);
  for await (const found of walk(folder, { isDeep: true, maxNames: bounds.maxNames })) {
    const { kind, path, stat } = found;
    if (kind !== 'file') {
      count(0);
      if (kind === 'folder') yield tarHeader(path, stat);
      continue;
    }
    const opened = await openFile(found.folder, found.name).catch(unlessChanged);
    if (opened === undefined) continue;
    const size = Number(opened.stat.size);
    try {
      count(size);
      yield tarHeader(path, opened.stat);
      yield* readFilled(opened.file, size);
      yield tarPadding(size);
    } finally {
      await opened.file.close();
    }
  }
  yield TAR_END;
}

/** Its length is said already. */
async function* readFilled(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  let left = size;
  for await (const piece of readPart(file, 0, size)) {
    left -= piece.length;
    yield piece;
  }
  for (; left > 0; left -= FILLING.length) yield FILLING.subarray(0, left);
}

function createCount({ maxBytes, maxNames }: ArchiveBounds): (bytes: number) => void {
  let names = 0;
  let total = 0;
  return (bytes) => {
    names += 1;
    total += bytes;
    if (names > maxNames || total > maxBytes) {
      throw new FileFault(
        'file_too_large',
        `The folder holds more than ${maxBytes} bytes (CLAUDE_ARCHIVE_MAX_BYTES) or ${maxNames} files (CLAUDE_FILES_MAX)`,
      );
    }
  };
}

/** Another took its place, or it may not be read. */
function unlessChanged(error: unknown): undefined {
  const { code } = error as { code?: string };
  if (!['ENOENT', 'ELOOP', 'EACCES', 'file_refused'].includes(code ?? '')) throw error;
}
