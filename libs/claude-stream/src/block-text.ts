/**
 * A text block as it grows, kept so that it can be known again: a digest of what is long past, and the rest of it as text. So
 * a block of any length takes little memory, and a short one costs no digest.
 *
 * A long block with half of a surrogate pair alone in it is known no more: it has no encoding that tells it from others. What
 * confirms it is then taken for another text, and comes in its place.
 */
import { createHash, type Hash } from 'node:crypto';

export type BlockText = {
  /** @param bytes the piece in UTF-8, where whoever calls has it */
  append(piece: string, bytes?: Uint8Array): void;
  isEmpty(): boolean;
  /** Whether it is this text. */
  is(text: string): boolean;
  /** The same, but for white space around both. */
  isAbout(text: string): boolean;
};

/** So much is gathered before it goes into the digest (UTF-16 units). */
const GATHER_LENGTH = 64 * 1024;

export function createBlockText(text = ''): BlockText {
  let hash: Hash | undefined;
  /** How much of it the digest has; unless the rest begins with something else, what that ends with is no white space. */
  let hashedLength = 0;
  let isWellFormed = true;
  let rest = text;
  /** White space that it begins with, once a part of it has gone into the digest. */
  let indent = '';

  function gather(): void {
    let solid = rest.trimEnd();
    // Its other half may follow.
    if (isHighSurrogate(solid.charCodeAt(solid.length - 1))) solid = solid.slice(0, -1);
    if (solid === '') return;
    hash ??= beginDigest(solid);
    take(hash, solid);
    rest = rest.slice(solid.length);
  }

  function beginDigest(solid: string): Hash {
    indent = solid.slice(0, solid.length - solid.trimStart().length);
    return createHash('sha256');
  }

  function take(digest: Hash, solid: string, bytes: string | Uint8Array = solid): void {
    isWellFormed &&= solid.isWellFormed();
    digest.update(bytes);
    hashedLength += solid.length;
  }

  /** What comes in long pieces is not gathered: its bytes are there already. */
  function appendBytes(digest: Hash, piece: string, bytes: Uint8Array): void {
    const solid = piece.trimEnd();
    if (solid === '') {
      rest += piece;
      return;
    }
    if (rest !== '') take(digest, rest);
    rest = piece.slice(solid.length);
    take(digest, solid, bytes.subarray(0, bytes.length - Buffer.byteLength(rest)));
  }

  function equals(other: string, end: string): boolean {
    if (other.length !== hashedLength + end.length || !other.endsWith(end)) return false;
    if (hash === undefined) return true;
    const begin = other.slice(0, hashedLength);
    if (!isWellFormed || !begin.isWellFormed()) return false;
    return createHash('sha256').update(begin).digest().equals(hash.copy().digest());
  }

  if (rest.length >= GATHER_LENGTH) gather();
  return {
    append(piece, bytes) {
      if (bytes !== undefined && hash !== undefined) return appendBytes(hash, piece, bytes);
      rest += piece;
      if (rest.length >= GATHER_LENGTH) gather();
    },
    isEmpty: () => hashedLength + rest.length === 0,
    is: (other) => equals(other, rest),
    isAbout(other) {
      if (hash === undefined) return other.trim() === rest.trim();
      return equals(`${indent}${other.trim()}`, rest.trimEnd());
    },
  };
}

function isHighSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit <= 0xdbff;
}
