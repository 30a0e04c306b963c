import { expect, test } from 'vitest';
import { atLeast, atMost, judge, leaveOpen } from '../goals.ts';

type Result = { product: number; naive: number };

const faster = atLeast<Result>(1.3, '× naive', 'speed', ({ product, naive }) => product / naive);
const cheaper = atMost<Result>(4, 'µs', 'CPU', ({ product }) => product);

test('a goal is met at its bound and beyond, and not met before it', () => {
  const verdicts = (goal: typeof faster, products: number[]) =>
    products.map((product) => judge(goal, { product, naive: 1 }).verdict);
  expect(verdicts(faster, [1.29, 1.3, 1.31])).toEqual(['not met', 'met', 'met']);
  expect(verdicts(cheaper, [3.99, 4, 4.01])).toEqual(['met', 'met', 'not met']);
});

test('a judged goal tells what came out, and what had to', () => {
  expect(judge(faster, { product: 3, naive: 2 })).toEqual({
    what: 'speed',
    unit: '× naive',
    bound: '≥ 1.3',
    value: 1.5,
    verdict: 'met',
  });
  expect(judge(cheaper, { product: 5, naive: 2 })).toMatchObject({ bound: '≤ 4', value: 5 });
});

test('a number that could not be measured is neither met nor missed', () => {
  for (const product of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const judged = judge(cheaper, { product, naive: 1 });
    expect(judged).toMatchObject({ verdict: 'not measured', reason: 'this machine does not tell' });
    expect(judged).not.toHaveProperty('value');
  }
});

test('of a case that broke off every goal is told, with the reason', () => {
  const open = leaveOpen(faster, 'there is no Redis');
  expect(open).toEqual({
    what: 'speed',
    unit: '× naive',
    bound: '≥ 1.3',
    reason: 'there is no Redis',
    verdict: 'not measured',
  });
});
