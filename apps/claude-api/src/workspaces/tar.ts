/** Writes the format of tar: headers of POSIX's ustar, with its extended ones (pax) for what does not fit. */
import type { BigIntStats } from 'node:fs';

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const OCTAL_MAX = 8 ** 11 - 1;

/** Two empty blocks. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** What stands before the content of a file, or for a folder. */
export function tarHeader(path: string, stat: BigIntStats): Buffer {
  const isFolder = stat.isDirectory();
  const name = isFolder ? `${path}/` : path;
  const size = isFolder ? 0 : Number(stat.size);
  const more = [
    ...(Buffer.byteLength(name) > NAME_BYTES ? [paxRecord('path', name)] : []),
    ...(size > OCTAL_MAX ? [paxRecord('size', String(size))] : []),
  ].join('');
  const own = {
    name,
    size: Math.min(size, OCTAL_MAX),
    type: isFolder ? '5' : '0',
    mode: Number(stat.mode & 0o777n),
    modifiedS: Math.max(0, Math.floor(Number(stat.mtimeMs) / 1_000)),
  };
  if (more === '') return header(own);
  const extended = Buffer.from(more);
  const before = header({ ...own, name: 'pax', size: extended.length, type: 'x' });
  return Buffer.concat([before, extended, tarPadding(extended.length), header(own)]);
}

/** What follows so many bytes of content. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

type Fields = { name: string; size: number; type: string; mode: number; modifiedS: number };

function header({ name, size, type, mode, modifiedS }: Fields): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  Buffer.from(name).copy(block, 0, 0, NAME_BYTES);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(modifiedS, 136, 11);
  block.fill(' ', 148, 156);
  block.write(type, 156);
  block.write('ustar\u000000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  octal(sum, 148, 6);
  block[154] = 0;
  return block;
}

/** Its length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + 1;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}
