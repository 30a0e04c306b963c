/** Where tenants' own credentials come from: what is read, when it is read again, and what happens when it cannot be. */
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, createLogger } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { openCredentialStore } from '../src/credentials/open.ts';
import type { CredentialSource } from '../src/credentials/source.ts';
import { CredentialsUnavailable, chooseCredential } from '../src/credentials/store.ts';
import { readConfiguration } from '../src/start-check.ts';
import { temporaryFolder } from './harness.ts';

const SECRET = 'sk-secret-4711';

/** A store; what it logs is kept. */
function open(source: CredentialSource, { environment = {}, maxAgeMs = 60_000, salt = '' } = {}) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'test', level: 'info', format: 'json', stream });
  const env = { PATH: process.env.PATH, ...environment };
  const store = openCredentialStore(source, { app: 'claude-api', environment: env, salt, maxAgeMs, logger });
  return { store, lines };
}

function writeStore(content: unknown, path = join(temporaryFolder(), 'credentials.json')): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

const openStored = (content: unknown) => open({ kind: 'file', value: writeStore(content) });

test('a file is read again when it has changed; one that is broken or gone changes nothing, and says so', async () => {
  const value = writeStore({ acme: { apiKey: 'one' } });
  const { store, lines } = open({ kind: 'file', value });
  expect(await store.find('acme')).toMatchObject({ credentials: { apiKey: 'one' } });
  expect(await store.find('rival')).toBeUndefined();
  expect(await store.find('constructor')).toBeUndefined();
  writeStore({ acme: { apiKey: 'two' }, rival: { oauthToken: 'three', baseUrl: 'http://gate' } }, value);
  expect(await store.find('acme')).toMatchObject({ credentials: { apiKey: 'two' } });
  expect(await store.find('rival')).toMatchObject({ credentials: { oauthToken: 'three' } });
  expect(store.describe()).toEqual({ source: 'file', tenants: 2 });
  const breaks = [
    () => writeStore('{', value),
    () => chmodSync(writeStore({}, value), 0o640),
    () => rmSync(value),
  ];
  for (const breakIt of breaks) {
    breakIt();
    expect(await store.find('acme')).toMatchObject({ credentials: { apiKey: 'two' } });
    expect(store.describe()).toMatchObject({ tenants: 2, fault: expect.any(String) });
  }
  expect(lines.filter((line) => line.includes('those of before go on'))).toHaveLength(breaks.length);
  writeStore({}, value);
  expect(await store.find('acme')).toBeUndefined();
  expect(store.describe()).toEqual({ source: 'file', tenants: 0 });
});

test.each([
  ['no JSON', `{"acme": ${SECRET}}`],
  ['a list', [SECRET]],
  ['a text', SECRET],
  ['a name that is none', { [`${SECRET} x`]: { apiKey: 'a' } }],
  ['no object', { acme: SECRET }],
  ['nothing', { acme: null }],
  ['an address alone', { acme: { baseUrl: `http://${SECRET}.example` } }],
  ['no address', { acme: { apiKey: SECRET, baseUrl: `file:///${SECRET}` } }],
  ['another member', { acme: { apiKey: SECRET, [SECRET]: '' } }],
  ['what no header can have', { acme: { apiKey: `${SECRET}\nX-Evil: 1` } }],
  ['an empty key', { acme: { apiKey: '' } }],
  ['a number', { acme: { authToken: 4711 } }],
])('%s is no store: claude-api does not start, and does not say what it read', (_what, content) => {
  const start = () => openStored(content);
  expect(start).toThrow(ConfigError);
  expect(start).toThrow(/CLAUDE_CREDENTIALS names .*credentials\.json: /);
  try {
    start();
  } catch (error) {
    expect(String(error)).not.toContain(SECRET);
  }
});

test('a variable has the same, and what is not set is said', async () => {
  const environment = { KEYS: JSON.stringify({ acme: { authToken: 'token' } }) };
  const { store } = open({ kind: 'env', value: 'KEYS' }, { environment });
  expect(await store.find('acme')).toMatchObject({ credentials: { authToken: 'token' } });
  expect(() => open({ kind: 'env', value: 'OTHER' })).toThrow(/OTHER: it is not set/);
});

test('a credential has an id that tells nothing of it, and is another when it is', async () => {
  const idOf = async (entry: object, salt = 'salt') => {
    const environment = { KEYS: JSON.stringify({ acme: entry }) };
    const found = await open({ kind: 'env', value: 'KEYS' }, { environment, salt }).store.find('acme');
    return found?.id;
  };
  const id = await idOf({ apiKey: SECRET });
  expect(id).toMatch(/^cred_[0-9a-f]{12}$/);
  expect(await idOf({ apiKey: SECRET })).toBe(id);
  const others = [
    await idOf({ apiKey: `${SECRET}5` }),
    await idOf({ authToken: SECRET }),
    await idOf({ apiKey: SECRET, baseUrl: 'http://gate' }),
    await idOf({ apiKey: SECRET }, 'another'),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
});

test('a command is asked once for each tenant, for as long as its answer counts', async () => {
  const runs = join(temporaryFolder(), 'runs');
  const command = `echo "$CC_EXECUTOR_TENANT" >> ${runs}; test "$CC_EXECUTOR_TENANT" = none || echo "{\\"apiKey\\":\\"of-$CC_EXECUTOR_TENANT-$SUFFIX\\"}"`;
  const { store } = open({ kind: 'command', value: command }, { environment: { SUFFIX: 'x' } });
  const found = await Promise.all(['acme', 'rival', 'acme', 'none'].map((tenant) => store.find(tenant)));
  expect(found.map((each) => each?.credentials.apiKey)).toEqual([
    'of-acme-x',
    'of-rival-x',
    'of-acme-x',
    undefined,
  ]);
  await store.find('acme');
  expect(readFileSync(runs, 'utf8').trim().split('\n').sort()).toEqual(['acme', 'none', 'rival']);
  expect(store.describe()).toEqual({ source: 'command' });
  const brief = open({ kind: 'command', value: command }, { maxAgeMs: 0 }).store;
  for (let count = 0; count < 2; count += 1) await brief.find('again');
  expect(readFileSync(runs, 'utf8').match(/again/g)).toHaveLength(2);
});

test.each([
  ['fails', `echo ${SECRET} >&2; exit 3`, 'exit code 3'],
  ['prints no JSON', `echo ${SECRET}`, 'it is not JSON'],
  ['prints no entry', `echo '{"key": "${SECRET}"}'`, 'apiKey, authToken'],
  ['is not there', `/nowhere/${SECRET}`, 'exit code 127'],
  ['prints too much', `yes ${SECRET}`, 'printed more than'],
])(
  'a command that %s keeps this tenant waiting; the log says why, without a secret, and the next try asks anew',
  async (_what, command, reason) => {
    const mended = join(temporaryFolder(), 'mended');
    const { store, lines } = open({
      kind: 'command',
      value: `test -e ${mended} && echo '{"apiKey":"mended"}' && exit; ${command}`,
    });
    await expect(store.find('acme')).rejects.toBeInstanceOf(CredentialsUnavailable);
    const refusal = await chooseCredential('acme', { store, isRequired: false, folder: undefined });
    expect(refusal).toMatchObject({ statusCode: 503, code: 'credentials_unavailable' });
    expect(lines.join('')).toContain(reason);
    expect(lines.join('') + JSON.stringify(refusal)).not.toContain(SECRET);
    writeFileSync(mended, '');
    expect(await store.find('acme')).toMatchObject({ credentials: { apiKey: 'mended' } });
  },
);

test("tenants without credentials use the service's, unless they must have their own", async () => {
  const { store } = openStored({ acme: { apiKey: 'own' } });
  const choose = (tenant: string, isRequired: boolean) =>
    chooseCredential(tenant, { store, isRequired, folder: undefined });
  expect(await choose('rival', false)).toEqual({ credential: undefined });
  expect(await choose('rival', true)).toMatchObject({ statusCode: 403, code: 'credentials_missing' });
  expect(await choose('default', true)).toEqual({ credential: undefined });
  expect(await choose('acme', true)).toMatchObject({ credential: { credentials: { apiKey: 'own' } } });
});

test('what the settings cannot mean is refused, and named', () => {
  const read = (env: Record<string, string>) => () => readConfiguration({ CLAUDE_ENGINE: 'demo', ...env });
  const CLAUDE_CREDENTIALS = 'command:vault';
  expect(read({ CLAUDE_CREDENTIALS })().credentials).toEqual({ kind: 'command', value: 'vault' });
  for (const source of ['vault', 'file:relative', 'file:', 'env:not a name', 'http://vault']) {
    expect(read({ CLAUDE_CREDENTIALS: source })).toThrow(/CLAUDE_CREDENTIALS .*file:/);
  }
  expect(read({ CLAUDE_CREDENTIALS, CLAUDE_SANDBOX: 'off' })).toThrow(/CLAUDE_SANDBOX is off/);
  expect(read({ CLAUDE_CREDENTIALS_REQUIRED: 'true' })).toThrow(/CLAUDE_CREDENTIALS is not/);
  for (const folder of ['', '/home/me']) {
    const inIt = read({ CLAUDE_CREDENTIALS: `file:${folder}/keys.json`, HOME: '/home/me' });
    expect(inIt).toThrow(/a folder of its own/);
  }
});
