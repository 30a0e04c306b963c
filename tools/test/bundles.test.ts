import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { findBundles, PROGRAMS } from '../bundles.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A checkout in small. */
function makeCheckout(): { root: string; write: (file: string, text: string) => void } {
  const root = mkdtempSync(join(tmpdir(), 'cc-executor-bundles-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  write('package-lock.json', '{}');
  for (const program of PROGRAMS) write(`${program}.ts`, '');
  return { root, write };
}

test('a bundle does what its program does, and knows the places of its modules', async () => {
  const { root, write } = makeCheckout();
  write('libs/x/src/place.ts', 'export const place: string = import.meta.url;');
  write(
    'apps/cli/src/main.ts',
    `
    import { place } from '../../../libs/x/src/place.ts';
    import { createRequire } from 'node:module';
    import url, { URL as Url } from 'node:url';
    import * as process from 'node:process';
    import old from './old.cjs';
    const { sep } = createRequire(import.meta.url)('node:path') as typeof import('node:path');
    function named() {}
    console.log(JSON.stringify([place, sep, url.URL === Url, named.name, old, process.argv[2]]));
  `,
  );
  write('apps/cli/src/old.cjs', 'module.exports = [__dirname, __filename];');
  const bundles = await findBundles(root, { mayMake: true });
  const main = join(bundles!.folder, 'apps/cli/src/main.mjs');
  const folder = join(root, 'apps/cli/src');
  expect(JSON.parse(execFileSync(process.execPath, [main, 'given'], { encoding: 'utf8' }))).toEqual([
    pathToFileURL(join(root, 'libs/x/src/place.ts')).href,
    '/',
    true,
    'named',
    [folder, join(folder, 'old.cjs')],
    'given',
  ]);
});

test('bundles are found again until a source changes; what is not used any more goes', async () => {
  const { root, write } = makeCheckout();
  expect(await findBundles(root, { mayMake: false })).toBeUndefined();
  const made = await findBundles(root, { mayMake: true });
  expect(made?.tookMs).toBeGreaterThan(0);
  expect(await findBundles(root, { mayMake: false })).toEqual({ folder: made?.folder, tookMs: undefined });

  write('apps/cli/src/main.ts', 'console.log(1)');
  expect(await findBundles(root, { mayMake: false })).toBeUndefined();
  const newer = await findBundles(root, { mayMake: true });
  const all = dirname(made!.folder);
  expect(
    readdirSync(all)
      .map((name) => join(all, name))
      .sort(),
  ).toEqual([made!.folder, newer!.folder].sort());

  const longAgo = new Date(Date.now() - 2 * DAY_MS);
  utimesSync(made!.folder, longAgo, longAgo);
  await findBundles(root, { mayMake: false });
  expect(readdirSync(all).map((name) => join(all, name))).toEqual([newer!.folder]);
});

test('a program that cannot be bundled leaves nothing behind', async () => {
  const { root, write } = makeCheckout();
  write('apps/cli/src/main.ts', "import './absent.ts';");
  await expect(findBundles(root, { mayMake: true })).rejects.toThrow('absent.ts');
  expect(readdirSync(root)).not.toContain('.cache');
});
