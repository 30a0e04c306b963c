import { expect, test } from 'vitest';
import type { AnyCase } from '../case.ts';
import { type Options, readOptions, usage } from '../options.ts';

const nothing = { tables: [], goals: [], result: undefined };
const known: AnyCase[] = ['A', 'B', 'C'].map((name) => ({
  name,
  title: `case ${name}`,
  isOnlyNamed: false,
  run: async () => nothing,
  leaveOpen: () => nothing,
}));

test('without arguments, all cases are measured', () => {
  const options = readOptions([], known);
  expect(options).toEqual({ cases: known, rounds: 3, json: undefined, isStrict: false, isSmoke: false });
});

test('a case that is measured only when it is named is one that the smoke run has, too', () => {
  const rare = { ...known[0]!, name: 'D', isOnlyNamed: true };
  const casesOf = (...args: string[]) => (readOptions(args, [...known, rare]) as Options).cases;
  expect(casesOf()).toEqual(known);
  expect(casesOf('D')).toEqual([rare]);
  expect(casesOf('--smoke')).toEqual([...known, rare]);
  expect(usage([rare])).toContain('  D  case A (only when it is named)\n');
});

test('cases are named in any case and order, and run in their own', () => {
  expect(readOptions(['c', 'A', '--rounds', '5', '--json', 'x.json', '--strict'], known)).toEqual({
    cases: [known[0], known[2]],
    rounds: 5,
    json: 'x.json',
    isStrict: true,
    isSmoke: false,
  });
});

test('what makes no sense is refused in words', () => {
  expect(() => readOptions(['Z'], known)).toThrow('there is no case Z');
  expect(() => readOptions(['--rounds', '0'], known)).toThrow('--rounds must be a whole number above 0');
  expect(() => readOptions(['--fast'], known)).toThrow("Unknown option '--fast'");
});

test('the help names every case', () => {
  expect(readOptions(['--help'], known)).toBe('help');
  expect(usage(known)).toContain('  B  case B\n');
});
