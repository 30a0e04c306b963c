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
import { claimPrivateFolder, PrivateFolderError } from '@cc-executor/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce-private-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const modeOf = (path: string) => statSync(path).mode & 0o777;
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

test('one that is missing is made for this user alone, with those above it', () => {
  claimPrivateFolder(at('a/b'));
  expect(modeOf(at('a/b'))).toBe(0o700);
  claimPrivateFolder(at('a/b'));
});

test.each([0o755, 0o750, 0o770, 0o711])('one of this user with mode %o is closed to others', (mode) => {
  mkdirSync(at('own'));
  chmodSync(at('own'), mode);
  claimPrivateFolder(at('own'));
  expect(modeOf(at('own'))).toBe(0o700);
});

test.each([
  ['a link', /\/it is a link$/, () => symlinkSync(folder, at('it'))],
  ['a link that leads nowhere', /\/it is a link$/, () => symlinkSync('/nowhere/at/all', at('it'))],
  ['a file', /\/it is not a folder$/, () => writeFileSync(at('it'), '')],
  [
    'one that everybody may write to',
    /\/it lets everybody write/,
    () => {
      mkdirSync(at('it'));
      chmodSync(at('it'), 0o777);
    },
  ],
])('%s is refused', (_what, message, make) => {
  make();
  expect(() => claimPrivateFolder(at('it'))).toThrow(PrivateFolderError);
  expect(() => claimPrivateFolder(at('it'))).toThrow(message);
});

test('one below a file is refused', () => {
  writeFileSync(at('file'), '');
  expect(() => claimPrivateFolder(at('file/it'))).toThrow(PrivateFolderError);
});

test("another user's is refused, also by root, which could use it", ({ skip }) => {
  skip(!isRoot, 'only root can make a folder for another user');
  mkdirSync(at('theirs'), { mode: 0o777 });
  chownSync(at('theirs'), NOBODY, NOBODY);
  expect(() => claimPrivateFolder(at('theirs'))).toThrow('belongs to user 65534, and this is root');
});

test('one of another user is refused by somebody who is not root, with whose it is', ({ skip }) => {
  skip(!isRoot, 'only root can become another user');
  chmodSync(folder, 0o711);
  mkdirSync(at('closed'), { mode: 0o700 });
  const module = new URL('../src/private-folder.ts', import.meta.url).href;
  const code = `import { claimPrivateFolder } from ${JSON.stringify(module)};
    try { claimPrivateFolder(process.argv[1]); console.log('accepted'); } catch (error) { console.log(error.message); }`;
  const args = ['--input-type=module', '-e', code, at('closed')];
  const child = spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/' });
  expect(child.stdout).toContain('belongs to root, and this is user 65534');
});
