/**
 * An archive that a job begins from: a tar, compressed by gzip or not. It is unpacked as it comes, each name beneath the
 * folder that was opened for it, and counted before it is written: files, folders and links, nothing else.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, symlink } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isSourceAllowed } from '@cc-executor/claude-options/sources';
import { pinTo } from '@cc-executor/runtime/lookup';
import { http, https } from '@cc-executor/service';
import { beneath, openFolder } from '../workspaces/beneath.ts';
import { asFileFault } from '../workspaces/fault.ts';
import { parsePath } from '../workspaces/path.ts';
import { asSourceFault, SourceFault } from './fault.ts';
import { readTar, type TarEntry } from './tar-reader.ts';
import type { Way } from './way.ts';

const MAX_REDIRECTS = 5;
const GZIP = Buffer.from([0x1f, 0x8b]);

export type UnpackOptions = {
  readonly sources: readonly string[];
  readonly findWay: (target: URL) => Promise<Way>;
  readonly bounds: { readonly maxBytes: number; readonly maxNames: number };
  readonly signal: AbortSignal;
};

/** Puts it into an empty folder. @returns the SHA-256 of what came. Errors: `SourceFault`; the signal's reason */
export async function unpackArchive(
  address: string,
  target: string,
  options: UnpackOptions,
): Promise<string> {
  const { bounds, signal } = options;
  const hash = createHash('sha256');
  try {
    const came = hashed(await download(address, options), hash);
    await unpack(bounded(await decompressed(came), bounds.maxBytes), target, bounds.maxNames);
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw new SourceFault('source_invalid', `The archive is damaged: ${code}`);
    if (code === 'ECONNRESET') throw unreachable(new URL(address), 'the answer broke off');
    throw asSourceFault(error);
  }
  return hash.digest('hex');
}

async function* hashed(source: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const piece of source) {
    hash.update(piece);
    yield piece;
  }
}

/** Follows redirects, each judged as the first address was. */
async function download(address: string, { sources, findWay, signal }: UnpackOptions): Promise<Readable> {
  let url = new URL(address);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await ask(url, await findWay(url), signal);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return response;
    response.destroy();
    const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
    if (!isRedirect) throw unreachable(url, `it answered ${statusCode}`);
    const next = URL.canParse(headers.location!, url.href) ? new URL(headers.location!, url.href) : undefined;
    if (next === undefined || !isSourceAllowed(next.href, sources)) {
      throw unreachable(
        url,
        `it redirects to ${next?.origin ?? 'no address'}, which CLAUDE_SOURCES does not allow`,
      );
    }
    url = next;
  }
  throw unreachable(url, `it redirects more than ${MAX_REDIRECTS} times`);
}

function ask(url: URL, { addresses, proxy }: Way, signal: AbortSignal): Promise<IncomingMessage> {
  const { get, Agent } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({ proxyEnv: proxy });
  const lookup = addresses && pinTo(addresses);
  return new Promise((resolve, reject) => {
    get(url, { agent, signal, ...(lookup && { lookup }) }, resolve).once(
      'error',
      (error: NodeJS.ErrnoException) =>
        reject(signal.aborted ? error : unreachable(url, error.code ?? error.message)),
    );
  });
}

function unreachable({ origin, pathname }: URL, why: string): SourceFault {
  // A query may be a secret.
  return new SourceFault('source_unreachable', `${origin}${pathname} cannot be fetched: ${why}`);
}

async function decompressed(came: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  let head = Buffer.alloc(0);
  for (let done = false; head.length < GZIP.length && !done; ) {
    const next = await came.next();
    done = next.done === true;
    if (!done) head = Buffer.concat([head, next.value]);
  }
  async function* whole() {
    yield head;
    yield* came;
  }
  if (!head.subarray(0, GZIP.length).equals(GZIP)) return whole();
  // What breaks off one of the two breaks off the other.
  return pipeline(Readable.from(whole()), createGunzip(), () => {});
}

async function* bounded(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > maxBytes) {
      throw new SourceFault(
        'source_too_large',
        `The archive has more than ${maxBytes} bytes (CLAUDE_ARCHIVE_MAX_BYTES)`,
      );
    }
    yield piece;
  }
}

async function unpack(source: AsyncIterable<Buffer>, target: string, maxNames: number): Promise<void> {
  let last: { path: string; folder: FileHandle } | undefined;
  let names = 0;

  /** Files of one folder follow each other, mostly. */
  async function enter(path: readonly string[]): Promise<FileHandle> {
    const key = path.join('/');
    if (last?.path === key) return last.folder;
    await last?.folder.close();
    last = undefined;
    const folder = await openFolder(target, path, { make: true });
    last = { path: key, folder };
    return folder;
  }

  try {
    for await (const entry of readTar(source)) {
      names += 1;
      if (names > maxNames) {
        throw new SourceFault(
          'source_too_large',
          `The archive has more than ${maxNames} files (CLAUDE_FILES_MAX)`,
        );
      }
      const path = pathOf(entry);
      if (entry.kind === 'folder') {
        await enter(path);
        continue;
      }
      const name = path.pop();
      if (name === undefined)
        throw new SourceFault('source_invalid', 'The archive has a file without a name');
      await put(entry, beneath(await enter(path), name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw asFileFault(error, entry.path);
        throw new SourceFault('source_invalid', `The archive has ${entry.path} twice`);
      });
    }
  } finally {
    await last?.folder.close();
  }
}

function pathOf({ path }: TarEntry): string[] {
  const names = parsePath(path.replace(/^(?:\.\/+)+|^\.$/, '').replace(/\/+$/, ''));
  if (names.some((name) => name.toLowerCase() === '.git')) {
    throw new SourceFault(
      'source_invalid',
      'The archive has a Git repository (.git), whose settings could run programs',
    );
  }
  return names;
}

async function put({ kind, isExecutable, linksTo, body }: TarEntry, place: string): Promise<void> {
  if (kind === 'link') return symlink(linksTo, place);
  const file = await open(place, 'wx', isExecutable ? 0o755 : 0o644);
  try {
    for await (const piece of body) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}
