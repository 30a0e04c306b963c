import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTextDigest } from '../src/index.ts';

const digestOf = (text: string) => ({
  bytes: Buffer.byteLength(text),
  sha256: createHash('sha256').update(text).digest('hex'),
});

describe('the text digest', () => {
  it('equals the digest of the blocks that stand, whatever was cut and discarded', () => {
    const block = fc.record({
      pieces: fc.array(fc.string({ unit: 'grapheme', maxLength: 5_000, size: 'medium' }), { minLength: 1 }),
      discarded: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(block), (blocks) => {
        const digest = createTextDigest();
        for (const { pieces, discarded } of blocks) {
          for (const [index, piece] of pieces.entries()) {
            digest.append(piece, index === 0, index % 2 === 0 ? Buffer.from(piece) : undefined);
          }
          if (discarded) digest.discard();
        }
        const standing = blocks.filter(({ discarded }) => !discarded).flatMap(({ pieces }) => pieces);
        expect(digest.value()).toEqual(digestOf(standing.join('')));
      }),
    );
  });

  it('takes a long piece by its bytes, behind what it has gathered', () => {
    const digest = createTextDigest();
    const long = 'é'.repeat(10_000);
    digest.append('before ', true);
    digest.append(long, false, Buffer.from(long));
    digest.append(' behind\ud83d', false);
    digest.append(long, false, Buffer.from(long));
    expect(digest.value()).toEqual(digestOf(`before ${long} behind\ud83d${long}`));
  });

  it('joins a surrogate pair that was cut, also where it gathers', () => {
    const digest = createTextDigest();
    const long = 'x'.repeat(8_191);
    digest.append(`${long}\ud83d`, true);
    digest.append('\ude00', false);
    expect(digest.value()).toEqual(digestOf(`${long}\u{1f600}`));
  });

  it('does nothing on a discard without a begin, or on a second one', () => {
    const digest = createTextDigest();
    digest.discard();
    digest.append('kept', true);
    digest.append('void', true);
    digest.discard();
    digest.discard();
    expect(digest.value()).toEqual(digestOf('kept'));
    digest.append('!', true);
    expect(digest.value()).toEqual(digestOf('kept!'));
  });
});
