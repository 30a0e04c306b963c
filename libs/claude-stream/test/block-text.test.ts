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

function blockOf(texts: string[], how: 'as they are' | 'with their bytes' = 'as they are') {
  const block = createBlockText();
  for (const text of texts) {
    const hasBytes = how === 'with their bytes' && text.isWellFormed();
    block.append(text, hasBytes ? Buffer.from(text) : undefined);
  }
  return block;
}

/** It is long, and half of a surrogate pair stands alone in it. */
function mayBeForgotten(text: string): boolean {
  return text.length >= 64 * 1024 && !text.isWellFormed();
}

describe('a block', () => {
  it('knows its text however that came, and no other', () => {
    fc.assert(
      fc.property(pieces, pieces, (texts, others) => {
        const [text, other] = [texts.join(''), others.join('')];
        const blocks = [blockOf(texts), blockOf(texts, 'with their bytes'), createBlockText(text)];
        for (const block of blocks) {
          expect(block.isEmpty()).toBe(text === '');
          const isKnown = (is: boolean) => (mayBeForgotten(text) ? is && block.is(text) : is);
          if (!mayBeForgotten(text)) expect(block.is(text)).toBe(true);
          expect(block.is(other)).toBe(isKnown(text === other));
          if (mayBeForgotten(text)) continue;
          expect(block.isAbout(other)).toBe(text.trim() === other.trim());
          expect(block.isAbout(` \n${text}\t `)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not take a long text with half a surrogate pair for the one with what stands for such halves', () => {
    const long = 'x'.repeat(70_000);
    for (const text of [`${long}\ud83d${long}`, `${long}\ude42${long}`]) {
      expect(createBlockText(text).is(text.toWellFormed())).toBe(false);
      expect(createBlockText(text.toWellFormed()).is(text)).toBe(false);
    }
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
