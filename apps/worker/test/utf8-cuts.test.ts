import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutText, pagesOf } from '../src/utf8-cuts.ts';

/** Any character there is. The unit `binary` of fast-check first lists all of them: more than a second of work. */
const anyCharacter = fc
  .nat(0x10_ffff)
  .map((code) => String.fromCodePoint(code))
  .filter((text) => text.isWellFormed());

/** One, two, three and four bytes. */
const MIXED = 'aé漢🙂';

test.each([
  [0, ''],
  [1, 'a'],
  [2, 'a'],
  [3, 'aé'],
  [5, 'aé'],
  [6, 'aé漢'],
  [9, 'aé漢'],
  [10, MIXED],
  [100, MIXED],
])('a text cut to %i bytes ends before the character that does not fit', (bytes, cut) => {
  expect(cutText(MIXED, bytes)).toBe(cut);
});

test('pages are as long as they may be, and none begins inside a character', () => {
  expect(pagesOf(MIXED, 4)).toEqual(['aé', '漢', '🙂']);
  expect(pagesOf(MIXED, 6)).toEqual(['aé漢', '🙂']);
  expect(pagesOf('abcdef', 4)).toEqual(['abcd', 'ef']);
  expect(pagesOf('abcd', 4)).toEqual(['abcd']);
  expect(pagesOf('', 4)).toEqual([]);
});

test('whatever the text, its pages are the text, and none is longer than it may be', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.integer({ min: 4, max: 20 }), (text, maxBytes) => {
      const pages = pagesOf(text, maxBytes);
      expect(pages.join('')).toBe(text);
      // Less than a character more would not have fitted.
      for (const page of pages) expect(Buffer.byteLength(page)).toBeLessThanOrEqual(maxBytes);
      for (const page of pages.slice(0, -1)) expect(Buffer.byteLength(page)).toBeGreaterThan(maxBytes - 4);
      const cut = cutText(text, maxBytes);
      expect(text.startsWith(cut)).toBe(true);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxBytes);
    }),
  );
});
