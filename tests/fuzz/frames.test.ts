import { parseEnvelope } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { createRandom } from '../chaos/random.ts';
import { createFuzz } from './frames.ts';

const HEAD_BYTES = 14;
const COUNT = 5_000;

function frames(seed: number): Buffer[] {
  const next = createFuzz(createRandom(seed));
  return Array.from({ length: COUNT }, next);
}

test('a seed decides every byte', () => {
  expect(Buffer.concat(frames(7)).equals(Buffer.concat(frames(7)))).toBe(true);
  expect(Buffer.concat(frames(7)).equals(Buffer.concat(frames(8)))).toBe(false);
});

test('about half of the frames are requests by their form, and many are not', () => {
  const texts = frames(7).map((frame) => frame.toString('utf8', HEAD_BYTES));
  const requests = texts.filter((text) => parseEnvelope(text).ok).length;
  expect(requests / COUNT).toBeGreaterThan(0.4);
  expect(requests / COUNT).toBeLessThan(0.7);
});
