/**
 * What the dashboard's pages are tried on: the whole stack with 10,000 jobs, as `npm start` brings it up with the demo engine, and a
 * browser. `PAGES_SHOWN_IN=folder` puts there how pages look.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeys, DEFAULT_KEY_PREFIX } from '@cc-executor/job-log';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createRedisWholeLog, startTestRedis, writeManyJobs } from '@cc-executor/testing';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { program } from './chromium.ts';
import { startDemoStack } from './demo-stack.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What passes is not listed, which would take as long again. */
const RUN_AXE = "axe.run({ resultTypes: ['violations'], selectors: false })";

const [desktop, phone] = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];
/** A page knows them by its style sheet alone. */
export const VIEWS = {
  'desktop, light': { viewport: desktop, colorScheme: 'light' },
  'desktop, dark': { viewport: desktop, colorScheme: 'dark' },
  'phone, light': { viewport: phone, colorScheme: 'light' },
  'phone, dark': { viewport: phone, colorScheme: 'dark' },
} as const;

export type Demo = {
  text: string;
  repeat?: number;
  delayMs?: number;
  tool?: string;
  hang?: true;
  fail?: string;
};

export type Stage = {
  /** The dashboard's origin. */
  dashboard: string;
  redisUrl: string;
  /** The jobs of the gateway's HTTP door. */
  gateway: string;
  /** A page in a browser of its own, which must not have complained, but as expected, when the test has ended. */
  openPage(options?: BrowserContextOptions, expected?: RegExp): Promise<Page>;
  /** Submits to the demo engine; waits for its end unless it hangs. */
  submit(demo: Demo, metadata?: object, more?: object): Promise<string>;
  close(): Promise<void>;
};

/** What the demo engine is to do. */
export function promptOf(demo: Demo): string {
  return `demo:${JSON.stringify(demo)}`;
}

export async function startStage(): Promise<Stage> {
  const closers: (() => unknown)[] = [];
  const redis = await startTestRedis();
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-browser-'));
  closers.push(() => redis.close());
  closers.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await writeJobs(redis.url);
  const stack = await startDemoStack(folder, { REDIS_URL: redis.url });
  closers.push(stack.stop);
  const browser = await chromium.launch({ executablePath: program as string, args: ['--no-sandbox'] });
  closers.push(() => browser.close());
  const { jobs: gateway, dashboard } = stack;
  return {
    gateway,
    dashboard,
    redisUrl: redis.url,
    async openPage(options = {}, expected) {
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
        expect(complaints.filter((complaint) => !expected?.test(complaint))).toEqual([]);
      });
      return page;
    },
    async submit(demo, metadata = {}, more = {}) {
      const response = await fetch(`${gateway}${demo.hang ? '' : '?wait=30'}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: promptOf(demo), metadata, ...more }),
      });
      const { jobId } = (await response.json()) as { jobId: string };
      expect(jobId).toMatch(/^job_/);
      return jobId;
    },
    async close() {
      for (const close of closers.reverse()) await close();
    },
  };
}

async function writeJobs(url: string): Promise<void> {
  const onError = () => {
    // The writing itself fails.
  };
  const redis = openRedis(url, { name: 'test', role: 'patient', onError });
  const log = createRedisWholeLog({ redis, keys: createKeys(DEFAULT_KEY_PREFIX), retentionMs: 3_600_000 });
  await writeManyJobs(log, { count: 10_000, tenant: 'default' });
  await closeRedis(redis);
}

/** In every view it fits, and has no serious fault for anybody. */
export async function expectFine(page: Page, name: string): Promise<void> {
  for (const [view, { viewport, colorScheme }] of Object.entries(VIEWS)) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const isFitting = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    expect(isFitting, `${name}, ${view}`).toBe(true);
    expect(await seriousFaults(page), `${name}, ${view}`).toEqual([]);
    await show(page, `${view} ${name}`);
  }
}

type Finding = { id: string; impact: string; nodes: { html: string }[] };

export async function seriousFaults(page: Page): Promise<string[]> {
  // Apart from the page, whose policy lets nothing be added to it.
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(AXE);
  const found = (await page.evaluate(RUN_AXE)) as { violations: Finding[] };
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

export async function show(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGES_SHOWN_IN;
  if (folder !== undefined)
    await writeFile(
      join(folder, `${name.replaceAll(/\W+/g, '-')}.png`),
      await page.screenshot({ fullPage: name.endsWith('overview') }),
    );
}
