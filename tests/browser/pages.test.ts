/**
 * The dashboard's pages as people have them: the whole stack with 10,000 jobs, and a browser. `PAGES_SHOWN_IN=folder` puts there
 * how they look.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKeys, DEFAULT_KEY_PREFIX } from '@cc-executor/job-log';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createRedisWholeLog, startTestRedis, writeManyJobs } from '@cc-executor/testing';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { PROGRAMS, program } from './chromium.ts';

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const VIEWS: Record<string, BrowserContextOptions> = {
  'desktop, light': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'desktop, dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  'phone, light': { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
  'phone, dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
};

const closers: (() => unknown)[] = [];
let browser: Browser;
let dashboard: string;
let gateway: string;
let doneJob: string;

describe('the pages', () => {
  beforeEach(({ skip }) => {
    if (program === undefined) skip(`none of ${PROGRAMS.join(', ')} is here`);
  });
  beforeAll(async () => {
    if (program === undefined) return;
    const redis = await startTestRedis();
    const folder = await mkdtemp(join(tmpdir(), 'cc-executor-browser-'));
    closers.push(() => redis.close());
    closers.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    await writeJobs(redis.url);
    await startStack(folder, redis.url);
    browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
    closers.push(() => browser.close());
    doneJob = await submit({ text: '<img src=x onerror=alert(1)> done' });
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  test.each(Object.keys(VIEWS))(
    'are complete, fit, and have no serious fault for anybody: %s',
    async (view) => {
      const page = await openPage(VIEWS[view]);
      for (const [path, proof] of [
        ['/', '.tiles'],
        ['/jobs', 'tbody .failed'],
        [`/jobs/${doneJob}`, 'text=was handed the end'],
      ] as const) {
        await page.goto(dashboard + path);
        await page.locator(proof).first().waitFor();
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path).toBe(
          true,
        );
        expect(await seriousFaults(page), path).toEqual([]);
        await show(page, `${view} ${path.startsWith('/jobs/') ? 'job' : path.slice(1) || 'overview'}`);
      }
    },
  );

  test('what Claude says is text', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs/${doneJob}`);
    await page.getByText('<img src=x onerror=alert(1)> done').first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  test('a running job is followed live, and cancelled after a question, by keyboard alone', async () => {
    const jobId = await submit({ text: 'still here', hang: true });
    const page = await openPage();
    await page.goto(`${dashboard}/jobs/${jobId}`);
    await page.getByText('still here').first().waitFor();
    await page.getByRole('button', { name: 'cancel' }).focus();
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog');
    expect(await question.textContent()).toContain(jobId);
    await question.getByRole('button', { name: 'cancel this job' }).focus();
    await page.keyboard.press('Enter');
    await question.getByText('cancel accepted').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('cancelled by').waitFor();
  });

  test('jobs are found by their metadata, and run again from the list', async () => {
    await submit({ text: 'rerun me' }, { row: 'seven' });
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.getByLabel('Search').fill('row=seven');
    await page.keyboard.press('Enter');
    await page.waitForURL(/row%3Dseven/);
    await page.getByText('completed').nth(1).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.locator('tbody input').check();
    await page.getByRole('button', { name: 'rerun 1 chosen' }).click();
    await page.getByRole('button', { name: 'rerun this job' }).click();
    await page.getByText(/now runs as job_/).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('tbody tr').nth(1).waitFor();
  });

  test('all that fit a filter are cancelled, and run again, after it is said how many', async () => {
    const metadata = { row: 'bulk' };
    for (let i = 0; i < 3; i += 1) await submit({ text: 'x', hang: true }, metadata);
    const page = await openPage();
    await page.goto(`${dashboard}/jobs?q=row%3Dbulk&from=2026-01-01T00%3A00`);
    await page.locator('tbody tr').nth(2).waitFor();
    for (const [name, said] of [
      ['cancel', 'cancel accepted for 3'],
      ['rerun', '3 run again'],
    ] as const) {
      await page.getByRole('button', { name: `${name} all that fit` }).click();
      const question = page.getByRole('dialog');
      await question.getByText('3 jobs', { exact: true }).waitFor();
      expect(await question.locator('li').count()).toBe(3);
      await question.getByRole('button', { name: `${name} 3 jobs` }).click();
      await question.getByText(said).waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      await question.getByRole('button', { name: 'Close' }).click();
    }
    await page.locator('tbody tr').nth(5).waitFor();
    await page.getByRole('button', { name: 'cancel all that fit' }).click();
    await page.getByRole('button', { name: 'cancel 3 jobs' }).click();
    await page.getByText('cancel accepted for 3').waitFor();
  });

  test('what is typed and chosen stays while the list comes anew', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs?status=failed`);
    await page.locator('tbody .failed').first().waitFor();
    await page.getByLabel('Search').fill('letter');
    await page.getByLabel('Status').selectOption('completed');
    for (let i = 0; i < 2; i += 1) await page.waitForResponse(/v1\/jobs\?/);
    await expect.poll(() => page.getByLabel('Search').inputValue()).toBe('letter');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/q=letter&status=completed/);
    await page.locator('tbody .completed').first().waitFor();
    expect(await page.getByLabel('Status').inputValue()).toBe('completed');
    expect(await page.getByLabel('Search').inputValue()).toBe('letter');
  });

  test('typing how an id begins finds its job among all at once', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.locator('tbody tr').nth(49).waitFor();
    await page.getByLabel('Search').pressSequentially(doneJob.slice('job_'.length, 14));
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('link', { name: /done/ }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe(doneJob.slice(4, 14));
  });

  test('the queue counts as the records do, however jobs have ended', async () => {
    const before = await queueCounts();
    const slots = { text: 'x', hang: true } as const;
    const metadata = { row: 'endings' };
    await submit({ text: 'x' }, metadata);
    await submit({ text: 'x', fail: 'it broke' }, metadata);
    const running = await submit(slots, metadata);
    await untilStatus(running, 'running');
    await submit(slots, metadata, { timeouts: { totalMs: 1_500 } });
    await fetch(`${gateway}/${running}/cancel`, { method: 'POST' });
    const ended = async (status: string) => {
      const response = await fetch(`${gateway}/count?metadata.row=endings&status=${status}`);
      return ((await response.json()) as { jobs: number }).jobs;
    };
    await expect.poll(() => ended('unfinished'), { timeout: 20_000 }).toBe(0);
    const [completed, failed, cancelled, late] = await Promise.all(
      ['completed', 'failed', 'cancelled', 'timed_out'].map(ended),
    );
    expect([completed, failed, cancelled, late]).toEqual([1, 1, 1, 1]);
    await expect
      .poll(queueCounts)
      .toEqual({ completed: before.completed + 1, failed: before.failed + 3, active: 0, waiting: 0 });
  });

  test('a whole id opens its job', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.getByLabel('Search').fill(doneJob);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${dashboard}/jobs/${doneJob}`);
  });
});

async function writeJobs(url: string): Promise<void> {
  const onError = () => {
    // The writing itself fails.
  };
  const redis = openRedis(url, { name: 'test', role: 'patient', onError });
  const log = createRedisWholeLog({ redis, keys: createKeys(DEFAULT_KEY_PREFIX), retentionMs: 3_600_000 });
  await writeManyJobs(log, { count: 10_000, tenant: 'default' });
  await closeRedis(redis);
}

async function show(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGES_SHOWN_IN;
  if (folder !== undefined)
    await writeFile(
      join(folder, `${name.replaceAll(/\W+/g, '-')}.png`),
      await page.screenshot({ fullPage: name.endsWith('overview') }),
    );
}

/** `npm start`'s command, on free ports, with the demo engine. */
async function startStack(folder: string, redisUrl: string): Promise<void> {
  const ports = { CLAUDE_API_PORT: '0', GATEWAY_PORT: '0', DASHBOARD_PORT: '0' };
  const places = { HOME: folder, CLAUDE_WORK_DIR: join(folder, 'work'), UP_DATA_DIR: join(folder, 'redis') };
  const child = spawn(process.execPath, [MAIN, 'up'], {
    env: { PATH: '/nowhere', CLAUDE_ENGINE: 'demo', NO_COLOR: '1', REDIS_URL: redisUrl, ...ports, ...places },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  closers.push(() => {
    child.kill('SIGTERM');
    return ended;
  });
  let said = '';
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes('Ctrl-C')) break;
  }
  child.stdout.resume();
  gateway = `http:${/ws:(\S+)\/ws\b/.exec(said)?.[1]}/v1/jobs`;
  dashboard = /dashboard +(http:\S+)/.exec(said)?.[1] ?? said;
}

/** A page in a browser of its own, which must not have complained when the test has ended. */
async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  onTestFinished(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });
  return page;
}

/** As the board has them. */
async function queueCounts() {
  const response = await fetch(`${dashboard}/queues/api/queues?activeQueue=jobs&page=1&jobsPerPage=1`);
  type Counts = Record<'completed' | 'failed' | 'active' | 'waiting', number>;
  const { queues } = (await response.json()) as { queues: { counts: Counts }[] };
  const { completed = 0, failed = 0, active = 0, waiting = 0 } = queues[0]?.counts ?? {};
  return { completed, failed, active, waiting };
}

async function untilStatus(jobId: string, status: string): Promise<void> {
  const now = async () => ((await (await fetch(`${gateway}/${jobId}`)).json()) as { status: string }).status;
  await expect.poll(now, { timeout: 20_000 }).toBe(status);
}

/** Submits to the demo engine; waits for its end unless it hangs. */
async function submit(
  demo: { text: string; hang?: true; fail?: string },
  metadata = {},
  more = {},
): Promise<string> {
  const response = await fetch(`${gateway}${demo.hang ? '' : '?wait=30'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: `demo:${JSON.stringify(demo)}`, metadata, ...more }),
  });
  const { jobId } = (await response.json()) as { jobId: string };
  expect(jobId).toMatch(/^job_/);
  return jobId;
}

type Finding = { id: string; impact: string; nodes: { html: string }[] };

/** Run apart from the page, whose policy lets nothing be added to it. */
async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found = (await page.evaluate('axe.run()')) as { violations: Finding[] };
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
