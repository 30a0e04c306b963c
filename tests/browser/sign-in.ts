/** The dashboard as those see it who sign in: a gateway and a dashboard that ask for keys, beside the rest of the stage. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editKeyFile, type Key, makeKey } from '@cc-executor/identity';
import { startService } from '@cc-executor/testing';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { program } from './chromium.ts';
import { expectFine, promptOf, type Stage, seriousFaults, show, VIEWS } from './stage.ts';

/** What a browser says of an answer of 401. */
const REFUSED = /status of 401/;
const ROLES = { view: 'read', operate: 'write', admin: 'admin' } as const;

type Role = keyof typeof ROLES;

/** Tests of it, on a stage that stands when they run. */
export function describeSignIn(stageOf: () => Stage): void {
  const closers: (() => unknown)[] = [];
  const tokens = {} as Record<Role, string>;
  let dashboard: string;
  let jobId: string;

  beforeAll(async () => {
    if (program === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), 'sign-in-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'keys.json');
    const keys: Key[] = [];
    for (const role of Object.keys(ROLES) as Role[]) {
      const tenant = role === 'admin' ? 'operators' : 'acme';
      const made = makeKey({ label: role, tenant, scopes: [ROLES[role]] }, Date.now());
      keys.push(made.key);
      tokens[role] = made.token;
    }
    editKeyFile(file, (before) => ({ ...before, keys }));
    const common = { REDIS_URL: stageOf().redisUrl, AUTH_MODE: 'keys' };
    const gateway = await startService({
      app: 'gateway',
      env: { ...common, GATEWAY_PORT: '0', AUTH_KEYS_FILE: file },
    });
    closers.push(gateway.stop);
    const url = `http://127.0.0.1:${gateway.ready.port}`;
    const service = await startService({
      app: 'dashboard',
      env: { ...common, DASHBOARD_PORT: '0', DASHBOARD_GATEWAY_URL: url },
    });
    closers.push(service.stop);
    dashboard = `http://127.0.0.1:${service.ready.port}`;
    const response = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.operate}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: promptOf({ text: 'of acme', hang: true }) }),
    });
    ({ jobId } = (await response.json()) as { jobId: string });
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  async function signIn(role: Role, path: string): Promise<Page> {
    const page = await stageOf().openPage(VIEWS['desktop, light']);
    await page.goto(dashboard + path);
    await page.getByLabel('Key').fill(tokens[role]);
    await page.keyboard.press('Enter');
    await page.waitForURL(dashboard + path);
    return page;
  }

  test('is complete, fits, and has no serious fault for anybody, nor has a refusal', async () => {
    const page = await stageOf().openPage({}, REFUSED);
    await page.goto(`${dashboard}/jobs?status=failed`);
    await page.getByLabel('Key').fill('no key');
    await expectFine(page, 'sign-in');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This key lets nobody in.').waitFor();
    await expectFine(page, 'sign-in refused');
    await page.getByLabel('Key').fill(tokens.view);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${dashboard}/jobs?status=failed`);
    await page.getByText('No job fits.').waitFor();
    await expectFine(page, 'no job');
  });

  test('whoever may look has nothing to press', async () => {
    const page = await signIn('view', '/jobs');
    await page.getByRole('link', { name: /of acme/ }).click();
    await page.getByText('of acme').nth(1).waitFor();
    for (const path of [`/jobs/${jobId}`, '/jobs']) {
      await page.goto(dashboard + path);
      await page.getByText(jobId).first().waitFor();
      expect(await page.getByRole('button', { name: /cancel|pause|resume|rerun/ }).count()).toBe(0);
      expect(await page.getByRole('checkbox').count()).toBe(0);
      expect(
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents(),
      ).toEqual(['Jobs']);
    }
    expect(await page.getByText('tenant', { exact: false }).count()).toBe(0);
  });

  test('an operator of all sees whose each job is, and those of one tenant', async () => {
    const page = await signIn('admin', '/jobs');
    await page.locator('tbody tr').nth(49).waitFor();
    await page.getByLabel('Tenant').fill('acme');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/tenant=acme/);
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(await page.locator('tbody td[data-label="tenant"]').textContent()).toBe('acme');
    expect(await seriousFaults(page)).toEqual([]);
    await show(page, 'desktop, light jobs of a tenant');
    await page.goto(`${dashboard}/`);
    await page.locator('.tiles').first().waitFor();
  });

  test('whoever may operate stops a job, signs out, and has to sign in anew', async () => {
    const page = await signIn('operate', `/jobs/${jobId}`);
    await page.getByRole('button', { name: 'cancel' }).click();
    await page.getByRole('button', { name: 'cancel this job' }).click();
    await page.getByText('cancel accepted').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('cancelled by').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${dashboard}/sign-in`);
    await page.goto(`${dashboard}/jobs`);
    await page.getByLabel('Key').waitFor();
  });
}
