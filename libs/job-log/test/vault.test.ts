import { expect, test } from 'vitest';
import { createVault } from '../src/vault.ts';

const OLD = 'a-secret-of-the-services-that-is-long';
const NEW = 'another-secret-of-the-services-that-is-long';
const vault = createVault([OLD]);
const secrets = {
  env: { TOKEN: 'the-value-4711', TZ: 'Europe/Zurich', EMPTY: '', GRÜN: '🌱' },
  attachments: [{ mediaType: 'text/plain' as const, data: 'QSBub3RlIHRoYXQgbm9ib2R5IG1heSByZWFk' }],
};

function split(sealed: string) {
  const [form = '', name = '', base64 = ''] = sealed.split('.');
  return { form, name, bytes: Buffer.from(base64, 'base64') };
}

test('what was sealed for a job is opened for it, also by another service with the same key', () => {
  const sealed = vault.seal(secrets, 'job_1');
  expect(createVault([OLD]).open(sealed, 'job_1')).toEqual(secrets);
  for (const text of ['TOKEN', 'the-value-4711', 'Zurich', 'text/plain', 'QSBub3Rl', 'A note']) {
    expect(sealed).not.toContain(text);
    expect(split(sealed).bytes.toString('latin1')).not.toContain(text);
  }
  expect(vault.seal(secrets, 'job_1')).not.toBe(sealed);
});

test('it is opened for no other job, and not when a byte of it was changed', () => {
  const sealed = vault.seal(secrets, 'job_1');
  expect(() => vault.open(sealed, 'job_2')).toThrow('of another job');
  const { name, bytes } = split(sealed);
  for (const at of [0, 12, 28, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => vault.open(`v2.${name}.${changed.toString('base64')}`, 'job_1')).toThrow('was changed');
  }
  for (const wrong of ['', 'v2.', `v2.${name}.`, `v2.${name}.AAAA`, sealed.replace('v2', 'v3')]) {
    expect(() => vault.open(wrong, 'job_1')).toThrow();
  }
});

test('while keys are changed the first seals and each opens; one that is gone is named, and is not the key', () => {
  const [before, during, after] = [vault, createVault([NEW, OLD]), createVault([NEW])];
  const old = before.seal(secrets, 'job_1');
  const fresh = during.seal(secrets, 'job_1');
  expect(during.open(old, 'job_1')).toEqual(secrets);
  expect(after.open(fresh, 'job_1')).toEqual(secrets);
  const gone = `the key ${split(old).name} is not among ${split(fresh).name}`;
  expect(() => after.open(old, 'job_1')).toThrow(gone);
  for (const secret of [OLD, NEW]) expect(secret).not.toContain(split(old).name);
});

test('a fingerprint is that of the secrets, variables in whatever order, and of a key', () => {
  const [print] = vault.fingerprints({ env: { A: '1', B: '2' } });
  expect(vault.fingerprints({ env: { B: '2', A: '1' }, attachments: [] })).toEqual([print]);
  expect(vault.fingerprints({ env: { A: '2', B: '1' } })).not.toEqual([print]);
  const { attachments } = secrets;
  const [withFile] = vault.fingerprints({ attachments });
  expect(vault.fingerprints({ attachments: [...attachments, ...attachments] })).not.toEqual([withFile]);
  const both = createVault([NEW, OLD]).fingerprints({ env: { A: '1', B: '2' } });
  expect([both.length, both[1]]).toEqual([2, print]);
  expect(both[0]).not.toBe(print);
});

test('there is none without a key', () => {
  expect(() => createVault([])).toThrow('needs a key');
});
