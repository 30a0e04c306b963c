import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editKeyFile, type Key, makeKey, readKeyFile, rotateKey } from '@cc-executor/identity';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { keepLocalKey } from '../../src/up/local-key.ts';

let files: { keysFile: string; tokenFile: string };

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'local-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  files = { keysFile: join(folder, 'data', 'keys.json'), tokenFile: join(folder, 'state', 'token-8003') };
});

const token = () => readFileSync(files.tokenFile, 'utf8');
const keys = () => readKeyFile(files.keysFile).keys;

/** Changes the keys as `cc-executor keys` does. */
const change = (edit: (keys: readonly Key[]) => readonly Key[]) =>
  editKeyFile(files.keysFile, (file) => ({ ...file, keys: [...edit(file.keys)] }));

test('a key is drawn once, for an operator, in files that only their user may read', () => {
  keepLocalKey(files);
  const first = token();
  expect(first).toMatch(/^key_[0-9a-f]{16}\.[\w-]{43}\n$/);
  expect(keys()).toMatchObject([{ tenant: 'default', scopes: ['admin'], label: 'npm start' }]);
  for (const path of Object.values(files)) expect(statSync(path).mode & 0o777, path).toBe(0o600);
  keepLocalKey(files);
  expect([token(), keys().length]).toEqual([first, 1]);
});

test('when its token is lost, or no longer good, another takes its place; the keys of others stay', () => {
  keepLocalKey(files);
  const { key } = makeKey({ label: 'ci', tenant: 'acme', scopes: ['write'] }, Date.now());
  change((all) => [...all, key]);
  const spoil: (() => void)[] = [
    () => rmSync(files.tokenFile),
    () => change((all) => rotateKey(all, all.at(-1)?.id ?? '', { overlapMs: 0, now: Date.now() }).keys),
    () => change((all) => all.filter(({ label }) => label === 'ci')),
  ];
  for (const spoilIt of spoil) {
    const before = keys().at(-1)?.id;
    spoilIt();
    keepLocalKey(files);
    expect(keys().map(({ label }) => label)).toEqual(['ci', 'npm start']);
    expect(token()).toContain(`${keys().at(-1)?.id}.`);
    expect(keys().at(-1)?.id).not.toBe(before);
  }
});
