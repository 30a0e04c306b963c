import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlockText } from '../src/block-text.ts';
import { anyCharacter } from './any-character.ts';

/** Texts around the length from which on a digest is kept, with white space where it matters. */
const piece = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\n',
    'a',
    '\ud83d',
    '\ude42',
    'b '.repeat(20_000),
    ' '.repeat(70_000),
    'é'.repeat(70_000),
  ),
  fc.string({ unit: anyCharacter, maxLength: 5 }),
);
const pieces = fc.array(piece, { maxLength: 8 });

function blockOf(texts: string[]) {
  const block = createBlockText();
  for (const text of texts) block.append(text);
  return block;
}

describe('a block', () => {
  it('knows its text however that came, and no other', () => {
    fc.assert(
      fc.property(pieces, pieces, (texts, others) => {
        const [text, other] = [texts.join(''), others.join('')];
        for (const block of [blockOf(texts), createBlockText(text)]) {
          expect(block.isEmpty()).toBe(text === '');
          expect(block.is(text)).toBe(true);
          expect(block.is(other)).toBe(text === other);
          expect(block.isAbout(other)).toBe(text.trim() === other.trim());
          expect(block.isAbout(` \n${text}\t `)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('tells a text from one that differs in one unit, wherever that is', () => {
    const text = `  ${'x'.repeat(200_000)}  `;
    const block = createBlockText(text);
    for (const at of [0, 2, 100_000, 200_001, 200_003]) {
      expect(block.is(`${text.slice(0, at)}y${text.slice(at + 1)}`)).toBe(false);
    }
    expect(block.is(text.slice(1))).toBe(false);
    expect(block.isAbout(text.slice(1))).toBe(true);
    expect(block.isAbout(text.trim().slice(1))).toBe(false);
  });
});
