/** What `cc-executor files` does: bytes go from and to files and standard streams as they come. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Result } from '@cc-executor/protocol';
import { harmless } from './harmless.ts';
import { askHttpDoor } from './http-door.ts';
import { withClient } from './open-client.ts';
import { UsageError } from './usage-error.ts';

/** Lists page by page, each printed as it comes. */
export async function listAll(
  workspace: string,
  path: string | undefined,
  { url, recursive = false, json = false }: { url?: string; recursive?: boolean; json?: boolean },
): Promise<void> {
  await withClient(url, async (client) => {
    let cursor: string | undefined;
    do {
      const place = { workspace, recursive, ...(path !== undefined && { path }) };
      const page = await client.listFiles({ ...place, ...(cursor !== undefined && { cursor }) });
      process.stdout.write(
        page.entries.map((entry) => `${json ? JSON.stringify(entry) : describe(entry)}\n`).join(''),
      );
      cursor = page.cursor;
    } while (cursor !== undefined);
  });
}

function describe({ path, kind, bytes, modifiedAt }: Result<'listFiles'>['entries'][number]): string {
  const size = kind === 'file' ? String(bytes) : kind;
  // A name may hold anything.
  return `${size.padStart(12)}  ${new Date(modifiedAt).toISOString().slice(0, 19)}Z  ${harmless(path)}`;
}

/** Where the HTTP door has a file. */
export function fileAt(workspace: string, path: string): string {
  const names = path.split('/').map(encodeURIComponent);
  return `${encodeURIComponent(workspace)}/files/${names.join('/')}`;
}

/** @param output undefined: standard output. A file that does not come whole is removed */
export async function download(
  url: string | undefined,
  path: string,
  output: string | undefined,
): Promise<void> {
  const { body } = await askHttpDoor(url, `workspaces/${path}`);
  const bytes = Readable.fromWeb(body as never);
  if (output === undefined) return pipeline(bytes, process.stdout, { end: false });
  try {
    await pipeline(bytes, createWriteStream(output));
  } catch (error) {
    await rm(output, { force: true });
    throw new UsageError(`${output} was not written whole: ${(error as Error).message}`);
  }
}

/** @param file undefined: standard input */
export async function upload(url: string | undefined, path: string, file: string | undefined): Promise<void> {
  const size = file === undefined ? undefined : (await stat(file).catch(unreadable(file))).size;
  const body = Readable.toWeb(file === undefined ? process.stdin : createReadStream(file)) as ReadableStream;
  const headers = size === undefined ? {} : { 'content-length': String(size) };
  // Undici's own: it streams what it sends.
  const init = { method: 'PUT', body, headers, duplex: 'half' } as RequestInit;
  const answer = (await (await askHttpDoor(url, `workspaces/${path}`, init)).json()) as {
    bytes: number;
    sha256: string;
  };
  process.stdout.write(`${answer.bytes} bytes, SHA-256 ${answer.sha256}\n`);
}

function unreadable(file: string) {
  return (error: NodeJS.ErrnoException): never => {
    throw new UsageError(`${file} cannot be read: ${error.code ?? error.message}`);
  };
}
