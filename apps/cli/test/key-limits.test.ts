/** What `cc-executor keys limit` makes of what it is told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { limitHolder, listKeys, makeToken, rotateToken } from '../src/key-commands.ts';
import { UsageError } from '../src/usage-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'limits-'));
const file = join(folder, 'keys.json');
afterAll(() => rmSync(folder, { recursive: true }));

test('limits of a key and of a tenant are set, lifted, shown, and left by what else is done to the file', () => {
  const [id = ''] = makeToken(file, { tenant: 'acme', scope: 'write', label: 'ci' }).split('.');
  expect(limitHolder(file, id, ['jobs=10', 'models=sonnet,haiku'])).toEqual({
    jobs: 10,
    models: ['sonnet', 'haiku'],
  });
  expect(limitHolder(file, 'acme', ['usdPerDay=2.5', 'timeouts.totalMs=60000'])).toMatchObject({
    usdPerDay: 2.5,
  });
  expect(limitHolder(file, id, ['jobs=', 'maxTurns=5'])).toEqual({
    models: ['sonnet', 'haiku'],
    maxTurns: 5,
  });
  rotateToken(file, id, 1_000);
  makeToken(file, { tenant: 'rival', scope: 'read', label: 'other' });
  const shown = listKeys(file, false);
  expect(shown).toContain('maxTurns=5  models=sonnet,haiku');
  expect(shown).toContain('tenant acme  usdPerDay=2.5  timeouts.totalMs=60000');
});

test.each([
  [['jobs'], /jobs/],
  [['job=1'], /expected name=value with one of jobs, bytes/],
  [['jobs=many'], /jobs: /],
  [['jobs=-1'], /jobs: /],
  [['usdPerDay=1e12'], /usdPerDay: /],
])('%j is refused, and the file stays as it is', (changes, words) => {
  const before = listKeys(file, true);
  const limit = () => limitHolder(file, 'acme', changes);
  expect(limit).toThrow(UsageError);
  expect(limit).toThrow(words);
  expect(listKeys(file, true)).toBe(before);
});

test('turns are those of a tenant: it has a weight, and a key has none', () => {
  expect(limitHolder(file, 'acme', ['weight=0.5', 'running=2'])).toMatchObject({ weight: 0.5, running: 2 });
  const [id = ''] = makeToken(file, { tenant: 'acme', scope: 'write', label: 'its key' }).split('.');
  for (const change of ['weight=2', 'running=2']) {
    expect(() => limitHolder(file, id, [change])).toThrow(UsageError);
  }
});

test('a key that is not there, and what is no tenant, are refused', () => {
  expect(() => limitHolder(file, 'key_0000000000000000', ['jobs=1'])).toThrow(/there is no key/);
  expect(() => limitHolder(file, 'a/b', ['jobs=1'])).toThrow(UsageError);
});
