/** `npm start -- --auth`: nobody on this machine comes in without the key that it draws, and its user notices nothing. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runNode } from './support/child.ts';
import { expectToStop, main, startUp, useFolder } from './support/up.ts';

const folder = useFolder();

it('lets in the command line by itself, curl by the file, the dashboard by signing in, and nobody else', async () => {
  const env = { HOME: folder(), XDG_STATE_HOME: join(folder(), 'state') };
  // From the sources, as `npm start` does: other tests of it run bundles.
  const options = { NODE_OPTIONS: undefined, FETCH_REDIS: 'off', LOG_LEVEL: 'debug' };
  const up = await startUp(folder(), { ...env, ...options }, ['--auth']);
  const [, tokenFile = ''] = /key +(\S+)/.exec(up.child.stdout()) ?? [];
  expect(tokenFile).toBe(join(folder(), 'state', 'cc-executor', `token-${new URL(up.url).port}`));
  const token = (await readFile(tokenFile, 'utf8')).trim();
  for (const file of [tokenFile, join(folder(), 'redis', 'keys.json')])
    expect((await stat(file)).mode & 0o777, file).toBe(0o600);

  const found = runNode([main, 'run', '--url', up.url, 'demo:{"text":"found it"}'], { env });
  expect(await found.ended, found.stderr()).toEqual({ code: 0, signal: null });
  expect(found.stdout()).toBe('found it\n');
  const elsewhere = runNode([main, 'jobs', '--url', up.url], { env: { ...env, XDG_STATE_HOME: folder() } });
  expect((await elsewhere.ended).code).not.toBe(0);
  expect(elsewhere.stderr()).toContain('CC_EXECUTOR_TOKEN');

  const api = up.url.replace(/^ws(.*)\/ws$/, 'http$1/v1');
  const authorization = `Bearer ${token}`;
  expect((await fetch(`${api}/jobs`)).status).toBe(401);
  expect((await fetch(`${api}/jobs`, { headers: { authorization } })).status).toBe(200);

  const [, dashboard = ''] = /dashboard +(http:\S+)/.exec(up.child.stdout()) ?? [];
  expect((await fetch(`${dashboard}/v1/jobs`)).status).toBe(401);
  const form = { method: 'POST', redirect: 'manual' as const, headers: { origin: dashboard } };
  const signedIn = await fetch(`${dashboard}/sign-in`, {
    ...form,
    body: new URLSearchParams({ key: token }),
  });
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const jobs = await fetch(`${dashboard}/v1/jobs`, { headers: { cookie } });
  expect(await jobs.json()).toMatchObject({ jobs: [{ tenant: 'default', status: 'completed' }] });

  await expectToStop(up);
  const said = up.child.stdout() + up.child.stderr();
  for (const secret of [token.split('.')[1] ?? '', cookie.split('=')[1] ?? '']) {
    expect(secret).toHaveLength(43);
    expect(said).not.toContain(secret);
  }
});
