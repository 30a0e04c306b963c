/** What an operator of compose sets for those who come in: keys, the dashboard's key, credentials of tenants; and that none of it shows. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editKeyFile, makeKey, type Scope } from '@cc-executor/identity';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { docker } from './support/docker.ts';
import { openProject, type Project } from './support/project.ts';
import { restore, useStack } from './support/stack.ts';

const stack = useStack();
const CHANGED = ['gateway', 'dashboard', 'claude-api'];
const API_KEY = 'sk-of-acme-1234567890abcdef';

const secrets = new Map<string, string>();
let folder: string;
let keyed: Project;

function makeToken(tenant: string, scope: Scope): string {
  const { key, token } = makeKey({ label: tenant, tenant, scopes: [scope] }, Date.now());
  editKeyFile(join(folder, 'keys/keys.json'), ({ keys, ...others }) => ({ ...others, keys: [...keys, key] }));
  const { sha256 = '' } = key.secrets[0] ?? {};
  secrets
    .set(`the key of ${tenant}`, token.split('.')[1] ?? '')
    .set(`the digest of that of ${tenant}`, sha256);
  handOver();
  return token;
}

/** As the containers' user can read it: this user's, or root's of this machine. */
function handOver(): void {
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '1000:1000', folder]);
}

const ask = (token?: string, path = '/v1/me') =>
  fetch(`http://127.0.0.1:${keyed.gatewayPort}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

let acme: string;

beforeAll(async () => {
  if (typeof inject('stacks') === 'string') return;
  folder = mkdtempSync(join(tmpdir(), 'compose-identity-'));
  for (const name of ['keys', 'credentials']) mkdirSync(join(folder, name), { mode: 0o700 });
  acme = makeToken('acme', 'write');
  const onlooker = makeToken('operators', 'admin');
  writeFileSync(join(folder, 'dashboard-token'), `${onlooker}\n`, { mode: 0o600 });
  const credentials = JSON.stringify({ acme: { apiKey: API_KEY } });
  writeFileSync(join(folder, 'credentials/credentials.json'), credentials, { mode: 0o600 });
  secrets.set('what acme asks the model with', API_KEY);
  handOver();
  const env = {
    AUTH_MODE: 'keys',
    AUTH_KEYS_DIR: join(folder, 'keys'),
    DASHBOARD_TOKEN_FILE: join(folder, 'dashboard-token'),
    CLAUDE_CREDENTIALS_DIR: join(folder, 'credentials'),
    QUOTA_JOBS: '7',
  };
  keyed = openProject({ ...stack(), env: { ...stack().env, ...env } });
  await keyed.compose('up', '--detach', '--wait', '--no-deps', ...CHANGED);
});

afterAll(async () => {
  if (folder === undefined) return;
  await stack().compose('up', '--detach', '--wait', '--no-deps', ...CHANGED);
  await restore(stack());
  rmSync(folder, { recursive: true });
});

test('whoever has a key comes in, with the limits that are set for all, and nobody else', async () => {
  await vi.waitFor(async () => expect((await ask(acme)).status).toBe(200), { timeout: 10_000 });
  const me = await (await ask(acme)).json();
  expect(me).toMatchObject({ tenant: 'acme', scopes: ['write'] });
  expect(me.quotas).toContainEqual({ of: 'tenant', name: 'jobs', limit: 7, taken: 0 });
  expect((await ask()).status).toBe(401);
  const stranger = 'key_0000000000000000.of-nobody-at-all-0123456789';
  secrets.set('what nobody may come in with', 'of-nobody-at-all-0123456789');
  expect((await ask(stranger)).status).toBe(401);
});

test('a key that is made while it runs is let in, as what takes the place of the file is seen', async () => {
  const late = makeToken('late', 'read');
  await vi.waitFor(async () => expect((await ask(late)).status).toBe(200), { timeout: 10_000 });
});

test('the dashboard asks with the key that it is given, as an operator', async () => {
  const overview = await fetch(`http://127.0.0.1:${keyed.dashboardPort}/v1/overview`);
  expect(overview.status).toBe(200);
});

test('claude-api has the credentials of tenants, and is told where', async () => {
  const { id } = await keyed.container('claude-api');
  const script = 'printenv CLAUDE_CREDENTIALS | sed s/^file:// | xargs cat';
  expect(JSON.parse(await docker(['exec', id, 'sh', '-c', script]))).toEqual({ acme: { apiKey: API_KEY } });
});

test('none of it, nor what the stack has drawn itself, is in what docker shows, or in a log', async () => {
  for (const [service, name] of [
    ['gateway', 'claude-api-token'],
    ['gateway', 'secrets-key'],
  ] as const) {
    const { id } = await keyed.container(service);
    secrets.set(name, (await docker(['exec', id, 'cat', `/run/${service}-secrets/${name}`])).trim());
  }
  const body = JSON.stringify({ prompt: 'hello', env: { GREETING: 'a-secret-of-the-job' } });
  secrets.set('what a job was entrusted with', 'a-secret-of-the-job');
  const headers = { authorization: `Bearer ${acme}`, 'content-type': 'application/json' };
  await fetch(`http://127.0.0.1:${keyed.gatewayPort}/v1/jobs?wait=30`, { method: 'POST', headers, body });
  const answer = await fetch(`http://127.0.0.1:${keyed.gatewayPort}/v1/tickets`, { method: 'POST', headers });
  secrets.set('a ticket', (await answer.json()).ticket);
  const ids = (await keyed.containers()).map(({ id }) => id);
  const places = {
    'docker inspect': await docker(['inspect', ...ids]),
    logs: await keyed.compose('logs', '--no-color'),
    'docker top': (await Promise.all(ids.map((id) => docker(['top', id]).catch(() => '')))).join(),
  };
  expect(places['docker inspect']).toContain('AUTH_MODE=keys');
  expect(places.logs).toContain('"audit"');
  expect([...secrets.values()].filter((secret) => secret.length < 16)).toEqual([]);
  const shown = Object.entries(places).flatMap(([place, text]) =>
    [...secrets].flatMap(([name, secret]) => (text.includes(secret) ? [`${name} in ${place}`] : [])),
  );
  expect(shown).toEqual([]);
});
