/**
 * A text block as it grows, kept so that it can be known again: a digest of what is long past, and the rest of it as text. So
 * a block of any length takes little memory, and a short one costs no digest.
 */
import { createHash, type Hash } from 'node:crypto';

export type BlockText = {
  append(piece: string): void;
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
  /** How much of it the digest has; what that ends with is no white space. */
  let hashedLength = 0;
  let rest = text;
  /** White space that it begins with, once a part of it has gone into the digest. */
  let indent = '';

  function gather(): void {
    const solid = rest.trimEnd();
    if (solid === '') return;
    if (hash === undefined) indent = solid.slice(0, solid.length - solid.trimStart().length);
    hash ??= createHash('sha256');
    // By its units: halves of a surrogate pair may come apart.
    hash.update(solid, 'utf16le');
    hashedLength += solid.length;
    rest = rest.slice(solid.length);
  }

  function equals(other: string, end: string): boolean {
    if (other.length !== hashedLength + end.length || !other.endsWith(end)) return false;
    if (hash === undefined) return true;
    const begin = createHash('sha256').update(other.slice(0, hashedLength), 'utf16le');
    return begin.digest().equals(hash.copy().digest());
  }

  if (rest.length >= GATHER_LENGTH) gather();
  return {
    append(piece) {
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
