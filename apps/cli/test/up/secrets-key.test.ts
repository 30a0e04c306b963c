import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keepSecretsKey } from '../../src/up/secrets-key.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'secrets-key-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test('the key is drawn once, and only its user can read it', () => {
  const place = join(folder(), 'data');
  const key = keepSecretsKey(place);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(keepSecretsKey(place)).toBe(key);
  expect(statSync(join(place, 'secrets.key')).mode & 0o777).toBe(0o600);
  expect(keepSecretsKey(folder())).not.toBe(key);
});

test('a link in its place is not followed, and half a key is none', () => {
  const [place, other] = [folder(), folder()];
  writeFileSync(join(other, 'target'), 'x'.repeat(64));
  symlinkSync(join(other, 'target'), join(place, 'secrets.key'));
  expect(() => keepSecretsKey(place)).toThrow();
  expect(readFileSync(join(other, 'target'), 'utf8')).toBe('x'.repeat(64));
  writeFileSync(join(other, 'secrets.key'), 'half');
  expect(() => keepSecretsKey(other)).toThrow('holds no key');
});
