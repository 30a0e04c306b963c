/** Reads a part of an open file, in pieces. */
import type { FileHandle } from 'node:fs/promises';

const PIECE_BYTES = 64 * 1024;

/** Ends early when the file has become shorter. */
export async function* readPart(file: FileHandle, start: number, bytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes - done));
    const { bytesRead } = await file.read(piece, 0, piece.length, start + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** Fails then: who was told the length must not take what came for all of it. */
export async function* readExactly(file: FileHandle, start: number, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of readPart(file, start, bytes)) {
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw new Error('the file became shorter while it was read');
}

/**
 * What a `Range` header asks for, of so many bytes; undefined for all of it, also where the header asks for several parts or
 * none of the file, which a server may answer with all.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; bytes: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  return start < end ? { start, bytes: end - start } : undefined;
}
