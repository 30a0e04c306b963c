import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createTextDigest } from '../src/operations/text-digest.ts';

const TEXT = 'grün 🚀 漢 and so on; '.repeat(40_000);

/** In pieces of so many units, which cut pairs in two. */
function digestOf(size: number, mostBytes?: number) {
  const text = createTextDigest(mostBytes);
  for (let from = 0; from < TEXT.length; from += size) text.take(TEXT.slice(from, from + size));
  return text.end();
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test.each([1, 7, 8_191, 100_000, TEXT.length])('pieces of %i make the digest of the whole', (size) => {
  const { digest, tail } = digestOf(size);
  expect(digest).toEqual({ bytes: Buffer.byteLength(TEXT), sha256: sha256(TEXT) });
  expect(TEXT.endsWith(tail) && tail.length >= 224 * 1024).toBe(true);
});

test('the digest of a beginning ends at its byte', () => {
  for (const bytes of [0, 5, 8_192, 700_001]) {
    const beginning = Buffer.from(TEXT).subarray(0, bytes);
    expect(digestOf(100, bytes).digest).toEqual({ bytes, sha256: sha256(beginning) });
  }
});
