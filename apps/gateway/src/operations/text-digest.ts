/**
 * The digest of a text that comes in pieces, as UTF-8, and the end of it: whoever verifies a log need not hold all of it. The
 * same as of the joined text, also when a piece ends between the halves of a surrogate pair.
 */
import { createHash } from 'node:crypto';
import { type Digest, MAX_EVENT_BYTES } from '@cc-executor/protocol';

/** One update per piece of 50 bytes would dominate. */
const GATHER_CHARACTERS = 8_192;

export type TextDigest = {
  take(text: string): void;
  /** Called once. `tail` has at least as much as any event can have. */
  end(): { digest: Digest; tail: string };
};

/** @param mostBytes nothing behind them counts */
export function createTextDigest(mostBytes: number = Number.POSITIVE_INFINITY): TextDigest {
  const hash = createHash('sha256');
  const last: string[] = [];
  let lastLength = 0;
  let bytes = 0;
  let gathered = '';

  function add(text: string): void {
    const encoded = Buffer.from(text).subarray(0, mostBytes - bytes);
    hash.update(encoded);
    bytes += encoded.length;
    last.push(text);
    lastLength += text.length;
    while (lastLength - last[0]!.length >= MAX_EVENT_BYTES) lastLength -= last.shift()!.length;
  }

  return {
    take(text) {
      gathered += text;
      if (gathered.length < GATHER_CHARACTERS) return;
      // The first half of a surrogate pair waits for the second: alone it has no encoding.
      const isCut = /[\ud800-\udbff]$/.test(gathered);
      add(isCut ? gathered.slice(0, -1) : gathered);
      gathered = isCut ? gathered.slice(-1) : '';
    },
    end() {
      add(gathered);
      return { digest: { bytes, sha256: hash.digest('hex') }, tail: last.join('') };
    },
  };
}
