import { expect, test } from 'vitest';
import { editDistance, nearestName } from '../src/index.ts';

test('the distance counts insertions, removals and replacements', () => {
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('same', 'same')).toBe(0);
});

test('the nearest name is the closest candidate, and none when all are far', () => {
  expect(nearestName('excute', ['attach', 'execute', 'cancel'])).toBe('execute');
  expect(nearestName('zzz', ['attach', 'execute'])).toBeUndefined();
});
