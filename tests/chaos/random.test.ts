import { expect, test } from 'vitest';
import { createRandom } from './random.ts';

const draw = (seed: number, name?: string) => {
  const random = createRandom(seed, name);
  return Array.from({ length: 50 }, () => random.next());
};

test('the same seed and name give the same numbers, another seed or name others', () => {
  expect(draw(1, 'a')).toEqual(draw(1, 'a'));
  expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
  expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
});

test('a fork does not depend on what its parent has drawn', () => {
  const [fresh, used] = [createRandom(7), createRandom(7)];
  for (let i = 0; i < 10; i += 1) used.next();
  expect(used.fork('x').next()).toBe(fresh.fork('x').next());
  expect(fresh.fork('x').next()).not.toBe(fresh.fork('y').next());
});

test('numbers stay in their range and reach both of its ends', () => {
  const random = createRandom(3);
  const drawn = Array.from({ length: 1_000 }, () => random.int(2, 5));
  expect(new Set(drawn)).toEqual(new Set([2, 3, 4, 5]));
  expect(draw(3).every((number) => number >= 0 && number < 1)).toBe(true);
});

test('a weight says how often its key is chosen, and 0 never', () => {
  const random = createRandom(5);
  const counts = { often: 0, seldom: 0, never: 0 };
  for (let i = 0; i < 4_000; i += 1) counts[random.weighted({ often: 3, seldom: 1, never: 0 })] += 1;
  expect(counts.never).toBe(0);
  expect(counts.often / counts.seldom).toBeGreaterThan(2.5);
  expect(counts.often / counts.seldom).toBeLessThan(3.6);
  expect(() => random.weighted({ none: 0 })).toThrow('a table of weights');
});
