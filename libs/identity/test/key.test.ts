import { chmodSync, mkdtempSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { identifyKey, makeKey, revokeKey, rotateKey, standingOfKey } from '../src/key.ts';
import { changesOf } from '../src/key-changes.ts';
import { editKeyFile, type Key, KeyFileError, readKeyFile } from '../src/key-file.ts';
import { openKeyring } from '../src/keyring.ts';

const ASKED = { label: 'ci', tenant: 'acme', scopes: ['write'] } as const;
const NOW = 1_000_000;

const ring = (keys: readonly Key[]) => new Map(keys.map((key) => [key.id, key]));

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'keys-')), 'keys.json');
}

test('a token is good for its key, and nothing that is nearly it', () => {
  const { key, token } = makeKey(ASKED, NOW);
  const other = makeKey(ASKED, NOW);
  const keys = ring([key, other.key]);
  expect(identifyKey(keys, token, NOW)).toMatchObject({ tenant: 'acme', scopes: ['write'], who: key.id });
  const [id = '', secret = ''] = token.split('.');
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  const wrong = [
    '',
    '.',
    id,
    `${id}.`,
    `.${secret}`,
    `${id}.${secret}x`,
    `${other.key.id}.${secret}`,
    `key_0.${secret}`,
  ];
  for (const text of wrong) expect(identifyKey(keys, text, NOW)).toBeUndefined();
  expect(JSON.stringify([...keys])).not.toContain(secret);
});

test('a key ends at its expiry, and a live identity with it', () => {
  const { key, token } = makeKey({ ...ASKED, expiresAt: NOW + 10 }, NOW);
  const keys = ring([key]);
  const identity = identifyKey(keys, token, NOW + 9);
  if (identity === undefined) throw new Error('it was good');
  expect(standingOfKey(keys, identity, NOW + 9)).toBe('good');
  expect(standingOfKey(keys, identity, NOW + 10)).toBe('expired');
  expect(identifyKey(keys, token, NOW + 10)).toBeUndefined();
});

test('in a rotation both secrets are good until the overlap ends; a third ends the first at once', () => {
  const { key, token: first } = makeKey(ASKED, NOW);
  const { keys, token: second } = rotateKey([key], key.id, { overlapMs: 100, now: NOW });
  const whose = (token: string, now: number, of = keys) => identifyKey(ring(of), token, now)?.who;
  expect([whose(first, NOW + 99), whose(second, NOW + 99)]).toEqual([key.id, key.id]);
  expect([whose(first, NOW + 100), whose(second, NOW + 100)]).toEqual([undefined, key.id]);
  const again = rotateKey(keys, key.id, { overlapMs: 100, now: NOW + 1 });
  expect([first, second, again.token].map((token) => whose(token, NOW + 1, again.keys))).toEqual([
    undefined,
    key.id,
    key.id,
  ]);
  const old = identifyKey(ring(keys), first, NOW);
  expect(old && standingOfKey(ring(keys), old, NOW + 100)).toBe('expired');
});

test('a key that is gone is revoked; one that may do something else now has expired', () => {
  const { key, token } = makeKey(ASKED, NOW);
  const identity = identifyKey(ring([key]), token, NOW);
  if (identity === undefined) throw new Error('it was good');
  expect(standingOfKey(ring(revokeKey([key], key.id)), identity, NOW)).toBe('revoked');
  expect(standingOfKey(ring([{ ...key, scopes: ['read'] }]), identity, NOW)).toBe('expired');
  expect(standingOfKey(ring([key]), { ...identity, scopes: ['read'] }, NOW)).toBe('good');
  expect(standingOfKey(ring([{ ...key, tenant: 'other' }]), identity, NOW)).toBe('expired');
  expect(() => revokeKey([key], 'key_0')).toThrow(KeyFileError);
  const ofAnother = { ...identity, tenant: 'other', jobId: 'job_0' };
  expect(standingOfKey(ring([key]), ofAnother, NOW)).toBe('expired');
  const sees = { ...key, scopes: ['admin' as const] };
  expect(standingOfKey(ring([sees]), ofAnother, NOW)).toBe('good');
  expect(standingOfKey(ring([sees]), { ...identity, tenant: 'other' }, NOW)).toBe('expired');
});

test('the file is private, whole, and changed by one at a time', () => {
  const path = newPath();
  const { key } = makeKey(ASKED, NOW);
  const tenants = { acme: { limits: { jobs: 10, usdPerDay: 2.5, models: ['sonnet'] } } };
  editKeyFile(path, () => ({ keys: [key], tenants }));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readKeyFile(path)).toMatchObject({ keys: [key], tenants });
  editKeyFile(path, (file) => {
    expect(() => editKeyFile(path, () => ({ keys: [] }))).toThrow(/somebody else/);
    return file;
  });
  expect(readKeyFile(path)).toMatchObject({ keys: [key], tenants });
  const before = readFileSync(path, 'utf8');
  expect(() => editKeyFile(path, () => ({ keys: revokeKey([], 'key_0') }))).toThrow(KeyFileError);
  expect(readFileSync(path, 'utf8')).toBe(before);
  chmodSync(path, 0o640);
  expect(() => readKeyFile(path)).toThrow(/chmod 600/);
});

test.each([
  ...['', '{', '[]', '{"version":2,"keys":[]}', '{"version":1,"keys":[{"id":"key_0"}]}'],
  ...[
    '{"version":1,"keys":[],"tenants":{"a/b":{}}}',
    '{"version":1,"keys":[],"tenants":{"a":{"limits":{"job":1}}}}',
  ],
])('%j is no file of keys', (text) => {
  const path = newPath();
  writeFileSync(path, text, { mode: 0o600 });
  expect(() => readKeyFile(path)).toThrow(KeyFileError);
});

test('a keyring follows its file, also one that is renamed to its place; a broken one changes nothing and is told', async () => {
  const path = newPath();
  const [first, second] = [makeKey(ASKED, Date.now()), makeKey(ASKED, Date.now())];
  editKeyFile(path, () => ({ keys: [first.key] }));
  const told: object[] = [];
  const keyring = openKeyring({ path, everyMs: 5, onRead: (outcome) => told.push(outcome) });
  onTestFinished(() => keyring.close());
  const identity = keyring.identify(first.token);
  if (identity === undefined) throw new Error('it was good');
  writeFileSync(`${path}.mine`, '{', { mode: 0o600 });
  renameSync(`${path}.mine`, path);
  await vi.waitFor(() => expect(keyring.fault()).toContain('not JSON'));
  expect(keyring.standing(identity)).toBe('good');
  const limited = { ...second.key, limits: { jobs: 2 } };
  const tenants = { [second.key.tenant]: { limits: { jobs: 5 } } };
  writeFileSync(path, JSON.stringify({ version: 1, keys: [limited], tenants }));
  await vi.waitFor(() => expect(keyring.fault()).toBeUndefined());
  expect(keyring.standing(identity)).toBe('revoked');
  const found = keyring.identify(second.token);
  expect(found?.who).toBe(second.key.id);
  expect(found && keyring.termsOf(found)).toEqual({ tenant: { jobs: 5 }, key: { jobs: 2 } });
  const changes = { made: [second.key.id], revoked: [first.key.id], limited: [second.key.tenant] };
  expect(told).toEqual([{ fault: expect.stringContaining('not JSON') }, { keys: 1, changes }]);
});

test('what is changed in a file is told by names alone', () => {
  const [{ key: first }, { key: second }] = [makeKey(ASKED, 1), makeKey(ASKED, 1)];
  const before = { keys: [first, second], tenants: { acme: { limits: { jobs: 1 } }, rival: {} } };
  expect(changesOf(before, before)).toEqual({});
  const { keys } = rotateKey(before.keys, first.id, { overlapMs: 1_000, now: 1 });
  const after = { keys: [keys[0]!, { ...second, limits: { jobs: 3 } }], tenants: { rival: { limits: {} } } };
  expect(changesOf(before, after)).toEqual({
    ...{ rotated: [first.id], changed: [second.id], limited: ['acme'] },
  });
});
