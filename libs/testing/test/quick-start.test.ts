import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quickStart } from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';

const main = (app: string) => fileURLToPath(new URL(`../../../apps/${app}/src/main.ts`, import.meta.url));

test('a program is run from its bundle where there is one, else from its source', () => {
  const bundles = mkdtempSync(join(tmpdir(), 'cc-executor-bundles-'));
  onTestFinished(() => rmSync(bundles, { recursive: true }));
  mkdirSync(join(bundles, 'apps/cli/src'), { recursive: true });
  writeFileSync(join(bundles, 'apps/cli/src/main.mjs'), '');
  expect(quickStart(main('cli'), bundles).at(-1)).toBe(join(bundles, 'apps/cli/src/main.mjs'));
  expect(quickStart(main('worker'), bundles).at(-1)).toBe(main('worker'));
  expect(quickStart(main('cli'), 'off').at(-1)).toBe(main('cli'));
});
