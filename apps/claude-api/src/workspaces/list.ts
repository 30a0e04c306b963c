/** Lists a folder, a page at a time. The cursor is the path of the last entry: what comes and goes disturbs no other. */
import type { FileHandle } from 'node:fs/promises';
import { etagOf, type FileKind } from './beneath.ts';
import { parsePath } from './path.ts';
import { walk } from './walk.ts';

/** Of a page as JSON: a frame to a client holds it. */
const MAX_PAGE_BYTES = 120 * 1024;

type FileEntry = {
  /** Beneath the folder that is listed. */
  readonly path: string;
  readonly kind: FileKind;
  /** In ms, Unix time. */
  readonly modifiedAt: number;
  /** Of a file. */
  readonly bytes?: number;
  readonly etag?: string;
};

export type FilePage = { entries: FileEntry[]; cursor?: string };

/** @param options.limit of entries. Errors: `path_invalid` for a cursor that is none, `file_too_large`. */
export async function listFiles(
  folder: FileHandle,
  options: { isDeep: boolean; cursor: string; limit: number; maxNames: number },
): Promise<FilePage> {
  const { limit, cursor, ...rest } = options;
  const entries: FileEntry[] = [];
  let pageBytes = 0;
  for await (const { path, kind, stat } of walk(folder, { ...rest, after: parsePath(cursor) })) {
    const last = entries.at(-1);
    if (last !== undefined && (entries.length >= limit || pageBytes > MAX_PAGE_BYTES)) {
      return { entries, cursor: last.path };
    }
    const entry = {
      path,
      kind,
      modifiedAt: Number(stat.mtimeMs),
      ...(kind === 'file' && { bytes: Number(stat.size), etag: etagOf(stat) }),
    };
    entries.push(entry);
    pageBytes += Buffer.byteLength(JSON.stringify(entry));
  }
  return { entries };
}
