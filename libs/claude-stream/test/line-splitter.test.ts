import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createByteLineSplitter, createLineSplitter, LineTooLongError } from '../src/index.ts';
import { anyCharacter } from './any-character.ts';

const bytes = (value: string) => new TextEncoder().encode(value);

function split(chunks: readonly Uint8Array[], maxLineBytes?: number): string[] {
  const splitter = createLineSplitter(maxLineBytes === undefined ? {} : { maxLineBytes });
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last === undefined ? lines : [...lines, last];
}

function cutAt(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return places.slice(1).map((place, index) => whole.subarray(places[index], place));
}

describe('the line splitter', () => {
  it('gives the same lines wherever the bytes are cut, also inside a character', () => {
    const line = fc
      .string({ unit: anyCharacter, maxLength: 20 })
      .map((value) => value.replace(/[\r\n\ufeff]/g, ''));
    const wellFormed = line.filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(fc.array(wellFormed), fc.array(fc.nat()), fc.boolean(), (lines, cuts, carriage) => {
        const whole = bytes(lines.map((value) => `${value}${carriage ? '\r\n' : '\n'}`).join(''));
        expect(split(cutAt(whole, cuts))).toEqual(lines);
      }),
    );
  });

  it('gives long lines as bytes to who asks for that, and they are the same', () => {
    const line = fc.oneof(
      fc.constantFrom('x'.repeat(3_000), 'é'.repeat(2_000), ''),
      fc.string({ maxLength: 20 }),
    );
    const clean = line.map((value) => value.toWellFormed().replace(/[\r\n\ufeff]/g, ''));
    fc.assert(
      fc.property(fc.array(clean), fc.array(fc.nat()), fc.boolean(), (lines, cuts, carriage) => {
        const whole = bytes(lines.map((value) => `${value}${carriage ? '\r\n' : '\n'}`).join(''));
        const splitter = createByteLineSplitter();
        expect(cutAt(whole, cuts).flatMap((chunk) => splitter.push(chunk).map(String))).toEqual(lines);
      }),
    );
    const [first, second] = createByteLineSplitter().push(bytes(`${'x'.repeat(3_000)}\nshort\n`));
    expect(Buffer.isBuffer(first)).toBe(true);
    expect(second).toBe('short');
  });

  it('holds an unfinished line back until it is whole, and gives it at the end without a line end', () => {
    const splitter = createLineSplitter();
    expect(splitter.push(bytes('{"a":'))).toEqual([]);
    expect(splitter.push(bytes('1}\n{"b"'))).toEqual(['{"a":1}']);
    expect(splitter.end()).toBe('{"b"');
    expect(splitter.end()).toBeUndefined();
  });

  it('drops a carriage return that came in an earlier chunk than its line feed', () => {
    expect(split([bytes('a\r'), bytes('\nb')])).toEqual(['a', 'b']);
  });

  it('takes a line of 8 MB in chunks of 1 KB without copying it again and again', () => {
    const chunk = new Uint8Array(1024).fill(120);
    const splitter = createLineSplitter();
    const start = performance.now();
    for (let index = 0; index < 8192; index += 1) splitter.push(chunk);
    expect(splitter.push(bytes('\n'))[0]).toHaveLength(8 * 1024 * 1024);
    // Quadratic cost would be 32 GB of copies: many seconds.
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  it('refuses a line over the limit, however it is cut, after the lines before it', () => {
    const whole = bytes(`short\n${'x'.repeat(11)}\nafter\n`);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const splitter = createLineSplitter({ maxLineBytes: 10 });
      const seen: string[] = [];
      expect(() => {
        for (const chunk of cutAt(whole, [cut])) seen.push(...splitter.push(chunk));
        splitter.end();
      }).toThrow(LineTooLongError);
      expect(seen).toEqual(['short']);
      expect(() => splitter.push(bytes('more\n'))).toThrow(LineTooLongError);
    }
  });

  it('accepts a line that is exactly as long as the limit', () => {
    expect(split([bytes('0123456789\n')], 10)).toEqual(['0123456789']);
  });
});
