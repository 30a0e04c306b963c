import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimDataFolder } from '../../src/up/data-folder.ts';
import { UpError } from '../../src/up/up-error.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce-data-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

test('a folder that is missing is made, and one with data of this user accepted', () => {
  claimDataFolder(at('a/b'));
  mkdirSync(at('a/b/appendonlydir'));
  writeFileSync(at('a/b/appendonlydir/file'), '');
  claimDataFolder(at('a/b'));
  expect(statSync(at('a/b')).isDirectory()).toBe(true);
});

test('a file in its place is named, and the variable that sets another one', () => {
  writeFileSync(at('file'), '');
  expect(() => claimDataFolder(at('file'))).toThrow(UpError);
  expect(() => claimDataFolder(at('file'))).toThrow(/file is not a folder; .*UP_DATA_DIR/);
  expect(() => claimDataFolder(at('file/below'))).toThrow(/file is not a folder/);
});

test('a folder that others may look into is closed to them, and a link in its place refused', () => {
  mkdirSync(at('open'), { mode: 0o755 });
  claimDataFolder(at('open'));
  expect(statSync(at('open')).mode & 0o777).toBe(0o700);
  symlinkSync(at('open'), at('link'));
  expect(() => claimDataFolder(at('link'))).toThrow(/link is a link; .*UP_DATA_DIR/);
});

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

/** What another user is told: the system grants root everything. */
function claimAsNobody(path: string): string {
  const module = new URL('../../src/up/data-folder.ts', import.meta.url).href;
  const code = `import { claimDataFolder } from ${JSON.stringify(module)};
    try { claimDataFolder(process.argv[1]); console.log('accepted'); } catch (error) { console.log(error.message); }`;
  const args = ['--input-type=module', '-e', code, path];
  const child = spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/' });
  return child.error?.message ?? `${child.stdout}${child.stderr}`;
}

test.each([
  ['the folder', 'data', 'data', () => mkdirSync(at('data'))],
  ['the one above', 'data/below', 'data', () => mkdirSync(at('data'))],
  [
    'a folder within',
    'data',
    'data/appendonlydir',
    () => {
      mkdirSync(at('data/appendonlydir'), { recursive: true });
      if (isRoot) chownSync(at('data'), NOBODY, NOBODY);
    },
  ],
])('a folder that another user has made is named, with what to do: %s', (_what, name, culprit, make) => {
  make();
  if (isRoot) {
    const told = claimAsNobody(at(name));
    expect(told).toContain(`${at(culprit)} belongs to root, and this is user 65534 (sudo chown -R 65534 `);
    expect(told).toContain('UP_DATA_DIR');
    chownSync(at(culprit), NOBODY, NOBODY);
    expect(claimAsNobody(at(name))).toBe('accepted\n');
  } else {
    // Only root can make something for another user: here it is this user who has locked it.
    chmodSync(at(culprit), 0o555);
    expect(() => claimDataFolder(at(name))).toThrow(`${at(culprit)} cannot be written to`);
    chmodSync(at(culprit), 0o755);
    claimDataFolder(at(name));
  }
});
