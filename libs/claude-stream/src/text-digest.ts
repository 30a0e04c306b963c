/**
 * Running length and SHA-256 of the answer's text as UTF-8, with discards undone: at each `begin` the state is
 * kept, and `discard` goes back to it. Equal to the digest of the joined text, also when a piece ends between the
 * halves of a surrogate pair. Pieces are gathered before they are hashed: one update per 50 bytes would dominate, and a short
 * text needs no state at all.
 */
import { createHash, type Hash, hash as hashAtOnce } from 'node:crypto';
import type { Digest } from '@cc-executor/protocol';

const GATHER_CHARACTERS = 8_192;

export type TextDigest = {
  /** Adds a piece; `begin` says that a new text block starts with it; `bytes` are its UTF-8, where whoever calls has it. */
  append(text: string, begin: boolean, bytes?: Uint8Array): void;
  /** Takes back everything since the last `begin`. Without one, or a second time, it does nothing. */
  discard(): void;
  /** The digest of what stands now. Does not end anything. */
  value(): Digest;
};

type State = {
  /** Of what was hashed, if anything was. */
  hash: Hash | undefined;
  bytes: number;
  /** Text that is not hashed yet. */
  pending: string;
};

/** Makes the digest of an empty text. */
export function createTextDigest(): TextDigest {
  let state: State = { hash: undefined, bytes: 0, pending: '' };
  let atBegin: State | undefined;

  return {
    append(text, begin, bytes) {
      if (begin) {
        hashPending(state);
        atBegin = copy(state);
      }
      if (bytes !== undefined && bytes.length >= GATHER_CHARACTERS) {
        hashPending(state);
        // Half of a pair that still waits is alone: a whole character follows.
        hashBytes(state, state.pending);
        state.pending = '';
        hashBytes(state, bytes);
        return;
      }
      state.pending += text;
      if (state.pending.length >= GATHER_CHARACTERS) hashPending(state);
    },
    discard() {
      if (atBegin === undefined) return;
      state = atBegin;
      atBegin = undefined;
    },
    value() {
      const { hash, bytes, pending } = state;
      return {
        bytes: bytes + Buffer.byteLength(pending),
        sha256: hash ? hash.copy().update(pending).digest('hex') : hashAtOnce('sha256', pending),
      };
    },
  };
}

function copy(state: State): State {
  return { hash: state.hash?.copy(), bytes: state.bytes, pending: state.pending };
}

function hashPending(state: State): void {
  // The first half of a surrogate pair waits for the second: alone it has no encoding.
  const cut = isHighSurrogate(state.pending.charCodeAt(state.pending.length - 1));
  const text = cut ? state.pending.slice(0, -1) : state.pending;
  state.pending = cut ? state.pending.slice(-1) : '';
  hashBytes(state, text);
}

function hashBytes(state: State, text: string | Uint8Array): void {
  if (text.length === 0) return;
  state.hash ??= createHash('sha256');
  state.hash.update(text);
  state.bytes += typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}

function isHighSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit <= 0xdbff;
}
