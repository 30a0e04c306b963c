/**
 * Reads the format of tar: POSIX's ustar with its extended headers (pax), and GNU's long names. Whatever is neither a file,
 * a folder nor a symbolic link is refused, and so is what could be read in two ways.
 */
import { SourceFault } from './fault.ts';

const BLOCK_BYTES = 512;
const MAX_EXTENDED_BYTES = 64 * 1024;
const SUM_AT = 148;

export type TarEntry = {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly isExecutable: boolean;
  /** Of a link. */
  readonly linksTo: string;
  /** To be read, if at all, before the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
};

const KINDS: Partial<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '5': 'folder',
  '2': 'link',
};

/** Reads the source to its end. Errors: `source_invalid`; the source's. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const reader = createReader(source);
  let extended: Record<string, string> = {};
  for (;;) {
    const block = await reader.take(BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) break;
    const header = readHeader(block);
    const { type, size } = header;
    if ('xgLK'.includes(type)) {
      if (size > MAX_EXTENDED_BYTES) throw invalid('an extended header is too long');
      const text = (await reader.take(size)).toString();
      await reader.skip(padding(size));
      if (type === 'x') extended = { ...extended, ...readRecords(text) };
      else if (type !== 'g') extended[type === 'L' ? 'path' : 'linkpath'] = text.replace(/\0.*$/s, '');
      continue;
    }
    const kind = KINDS[type];
    const path = extended.path ?? header.path;
    if (kind === undefined || Object.keys(extended).some((key) => key.startsWith('GNU.sparse'))) {
      throw invalid(`${JSON.stringify(path)} is neither a file, a folder nor a symbolic link`);
    }
    const bytes = kind === 'file' ? (readNumber(extended.size) ?? size) : 0;
    const body = reader.part(bytes);
    yield {
      path,
      kind: kind === 'file' && path.endsWith('/') ? 'folder' : kind,
      isExecutable: header.isExecutable,
      linksTo: extended.linkpath ?? header.linksTo,
      body,
    };
    for await (const _ of body) {
      // Nobody has asked for the rest of it.
    }
    await reader.skip(padding(bytes));
    extended = {};
  }
  await reader.drain();
}

function readHeader(block: Buffer) {
  const text = (at: number, length: number) =>
    block
      .subarray(at, at + length)
      .toString()
      .replace(/\0.*$/s, '');
  const octal = (at: number, length: number) => {
    const digits = text(at, length).trim();
    if (!/^[0-7]*$/.test(digits)) throw invalid('a header has a number that is none');
    return Number.parseInt(digits || '0', 8);
  };
  const sum = block.reduce((total, byte, at) => total + (at >= SUM_AT && at < SUM_AT + 8 ? 32 : byte), 0);
  if (sum !== octal(SUM_AT, 8)) throw invalid('it is no tar, or damaged');
  const prefix = text(257, 6) === 'ustar' ? text(345, 155) : '';
  return {
    path: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    isExecutable: (octal(100, 8) & 0o111) !== 0,
    // The first bit says that a number is written in bytes: such a file is beyond any bound.
    size: (block[124]! & 0x80) === 0 ? octal(124, 12) : Number.MAX_SAFE_INTEGER,
    type: String.fromCharCode(block[156]!),
    linksTo: text(157, 100),
  };
}

/** Of pax: each `length key=value`, where the length counts all of it. */
function readRecords(text: string): Record<string, string> {
  const records: Record<string, string> = {};
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const [whole = '', length] = /^(\d{1,6}) /.exec(rest.subarray(0, 8).toString()) ?? [];
    const record = rest.subarray(whole.length, Number(length));
    const [, key = '', value] = /^([^=]+)=(.*)\n$/s.exec(record.toString()) ?? [];
    if (value === undefined) throw invalid('an extended header cannot be read');
    records[key] = value;
    rest = rest.subarray(Number(length));
  }
  return records;
}

function readNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw invalid('an extended header has a size that is none');
  return Number(text);
}

function createReader(source: AsyncIterable<Buffer>) {
  const iterator = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  /** Some bytes, so many at most. */
  async function some(max: number): Promise<Buffer> {
    while (held.length === 0) {
      const next = await iterator.next();
      if (next.done) throw invalid('it ends too early');
      held = next.value;
    }
    const piece = held.subarray(0, max);
    held = held.subarray(piece.length);
    return piece;
  }

  async function* part(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      const piece = await some(left);
      left -= piece.length;
      yield piece;
    }
  }

  return {
    part,
    async take(bytes: number): Promise<Buffer> {
      const pieces: Buffer[] = [];
      for await (const piece of part(bytes)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    async skip(bytes: number): Promise<void> {
      for await (const _ of part(bytes)) {
        // Only padding.
      }
    },
    async drain(): Promise<void> {
      while (!(await iterator.next()).done);
    },
  };
}

function padding(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function invalid(why: string): SourceFault {
  return new SourceFault('source_invalid', `The archive cannot be unpacked: ${why}`);
}
