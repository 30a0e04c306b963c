import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quickStart, quickStarts } from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';

const main = (app: string) => fileURLToPath(new URL(`../../../apps/${app}/src/main.ts`, import.meta.url));

/** Holds a bundle of one program. */
function makeBundles(text: string): string {
  const bundles = mkdtempSync(join(tmpdir(), 'cc-executor-bundles-'));
  onTestFinished(() => rmSync(bundles, { recursive: true }));
  mkdirSync(join(bundles, 'apps/cli/src'), { recursive: true });
  writeFileSync(join(bundles, 'apps/cli/src/main.mjs'), text);
  return bundles;
}

test('a program is run from its bundle where there is one, else from its source', () => {
  const bundles = makeBundles('');
  expect(quickStart(main('cli'), bundles).at(-1)).toBe(join(bundles, 'apps/cli/src/main.mjs'));
  expect(quickStart(main('worker'), bundles).at(-1)).toBe(main('worker'));
  expect(quickStart(main('cli'), 'off').at(-1)).toBe(main('cli'));
});

test('so is one that is started by another', () => {
  const bundles = makeBundles('console.log("bundle of", process.argv[1], process.argv[2])');
  const run = (file: string, folder?: string) =>
    execFileSync(process.execPath, [file, '--version'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...quickStarts(folder) },
    }).trim();
  expect(run(main('cli'), bundles)).toBe(`bundle of ${main('cli')} --version`);
  expect(run(main('cli'), 'off')).toMatch(/^\d+\.\d+\.\d+/);
});
