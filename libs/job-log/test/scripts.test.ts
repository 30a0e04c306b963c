/** What of the files in src/scripts Redis gets. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { scriptText } from '../src/scripts.ts';

const file = (name: string) => readFileSync(new URL(`../src/scripts/${name}.lua`, import.meta.url), 'utf8');

it('a script comes after what its first line includes, in that order, and alone when it includes nothing', () => {
  expect(file('append')).toMatch(/^-- include: shared, limits, pausing, ledger\n/);
  const parts = ['shared', 'limits', 'pausing', 'ledger', 'append'].map(file);
  expect(scriptText('append')).toBe(parts.join('\n'));
  expect(scriptText('renew')).toBe([file('shared'), file('renew')].join('\n'));
  expect(scriptText('range')).toBe(file('range'));
});
