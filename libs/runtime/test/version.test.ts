import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { version } from '../src/index.ts';

test('the version is the one of the workspace', () => {
  const root = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(version).toBe(root.version);
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});
