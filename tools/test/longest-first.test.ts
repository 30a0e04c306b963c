import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LONGEST } from '../longest-first.ts';

test('the files that begin first are there', () => {
  for (const file of LONGEST) expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).toBe(true);
});
