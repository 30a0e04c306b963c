/** What of the files in src/scripts Redis gets. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { scriptText } from '../src/scripts.ts';

const file = (name: string) => readFileSync(new URL(`../src/scripts/${name}.lua`, import.meta.url), 'utf8');

it('a script comes after what its first line includes, in that order, and alone when it includes nothing', () => {
  expect(file('append')).toMatch(/^-- include: shared, pausing\n/);
  expect(scriptText('append')).toBe([file('shared'), file('pausing'), file('append')].join('\n'));
  expect(scriptText('begin')).toBe([file('shared'), file('begin')].join('\n'));
  expect(scriptText('range')).toBe(file('range'));
});
