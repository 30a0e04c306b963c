import { expect, test } from 'vitest';
import { createEnvVault } from '../src/env-vault.ts';

const vault = createEnvVault('a-secret-of-the-services-that-is-long');
const env = { TOKEN: 'the-value-4711', TZ: 'Europe/Zurich', EMPTY: '', GRÜN: '🌱' };

test('what was sealed for a job is opened for it, also by another service with the same key', () => {
  const sealed = vault.seal(env, 'job_1');
  expect(createEnvVault('a-secret-of-the-services-that-is-long').open(sealed, 'job_1')).toEqual(env);
  for (const text of ['TOKEN', 'the-value-4711', 'Zurich']) {
    expect(sealed).not.toContain(text);
    expect(Buffer.from(sealed.split('.')[1] ?? '', 'base64').toString('latin1')).not.toContain(text);
  }
  expect(vault.seal(env, 'job_1')).not.toBe(sealed);
});

test('it is opened for no other job, with no other key, and not when a byte of it was changed', () => {
  const sealed = vault.seal(env, 'job_1');
  expect(() => vault.open(sealed, 'job_2')).toThrow();
  expect(() => createEnvVault('another-secret-of-the-services').open(sealed, 'job_1')).toThrow();
  const bytes = Buffer.from(sealed.split('.')[1] ?? '', 'base64');
  for (const at of [0, 12, 28, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => vault.open(`v1.${changed.toString('base64')}`, 'job_1')).toThrow();
  }
  for (const wrong of ['', 'v1.', 'v1.AAAA', sealed.replace('v1', 'v2')]) {
    expect(() => vault.open(wrong, 'job_1')).toThrow();
  }
});

test('a fingerprint is that of the variables, in whatever order, and of the key', () => {
  const print = vault.fingerprint({ A: '1', B: '2' });
  expect(vault.fingerprint({ B: '2', A: '1' })).toBe(print);
  expect(vault.fingerprint({ A: '2', B: '1' })).not.toBe(print);
  expect(createEnvVault('another').fingerprint({ A: '1', B: '2' })).not.toBe(print);
});
