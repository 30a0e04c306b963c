/**
 * The packed SDK and its hooks in Chromium, with what pages go through: reloads, several tabs, no network, another gateway,
 * sleep. Whatever happens, the text has no hole and the end comes once.
 */
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@cc-executor/client';
import { type FaultProxy, type Stack, startFaultProxy, startStack } from '@cc-executor/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CleanProject, makeCleanProject, run } from '../package/clean-project.ts';
import { PROGRAMS, program } from './chromium.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const HEARTBEAT_MS = 500;
/**
 * How long requests wait for a gateway here, in place of 60 s. What is tested is that a job that is listened to outlasts that, and
 * heartbeats: an outage until one has given up is then what 60 s and more are with the SDK's own values.
 */
const OFFLINE_TIMEOUT_MS = Number(process.env.TRIAL_OFFLINE_TIMEOUT_MS ?? 1_500);
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.html': 'text/html' };

/** What a page has seen of a job. */
type Seen = { seqs: number[]; text: string; end: string | undefined; refused?: string };

const closers: (() => unknown)[] = [];
let stack: Stack;
let proxy: FaultProxy;
let project: CleanProject;
let browser: Browser;
let context: BrowserContext;
let client: Client;
let origin: string;

describe('the packed SDK in a browser', () => {
  beforeEach(async ({ skip }) => {
    if (program === undefined) skip(`none of ${PROGRAMS.join(', ')} is here`);
    context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    return () => context.close();
  });
  beforeAll(async () => {
    if (program === undefined) return;
    stack = await startStack({ env: { GATEWAY_HEARTBEAT_MS: `${HEARTBEAT_MS}`, WORKER_CONCURRENCY: '8' } });
    closers.push(() => stack.close());
    proxy = await startFaultProxy({ target: { port: Number(stack.gateways[0]?.ready.port) } });
    closers.push(() => proxy.close());
    project = await makeCleanProject();
    closers.push(() => project.remove());
    await buildChat();
    await serve();
    client = createClient({ url: stack.url() });
    closers.push(() => client.close());
    browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
    closers.push(() => browser.close());
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });
  afterEach(() => proxy.reset());

  test('a chat in Strict Mode is there again after a reload, with one job and its whole text, and is stopped then', async () => {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`${origin}/chat/index.html`);
    const prompt = promptOf('chat ', 150);
    await say(page, prompt);
    await page.getByText('chat chat').waitFor();
    await page.reload();
    await page.locator('small', { hasText: 'completed' }).waitFor();
    expect(await page.locator('p').first().textContent()).toBe('chat '.repeat(150));
    await say(page, promptOf('stop ', 20, { hang: true }));
    await page.getByText('stop stop').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.locator('small', { hasText: 'cancelled' }).waitFor();
    expect(await page.locator('p').allTextContents()).toEqual(['chat '.repeat(150), 'stop '.repeat(20)]);
    const { jobs } = await client.list({ text: '"chat "' });
    expect(jobs).toHaveLength(1);
    expect(complaints).toEqual([]);
  });

  test('three tabs follow one job, one of them reloaded, and so does a Web Worker', async () => {
    const job = await client.execute({ prompt: promptOf('tab ', 200) });
    const tabs = await Promise.all([openTab(), openTab(), openTab()]);
    const worker = follow(tabs[0], job.jobId, { inWorker: true });
    const seen = tabs.map((tab) => follow(tab, job.jobId));
    await tabs[2].waitForFunction('globalThis.seen?.text.includes("tab tab ")');
    seen[2]?.catch(() => {});
    await tabs[2].reload();
    seen[2] = follow(tabs[2], job.jobId);
    for (const each of [...seen, worker]) expectWhole(await each, 'tab '.repeat(200));
  });

  test('a page without a network for longer than requests wait goes on where it stood', async () => {
    // Long enough to be under way still when the network goes: what has ended is connected to no more.
    const job = await client.execute({ prompt: promptOf('away ', 400) });
    const page = await openTab();
    const seen = follow(page, job.jobId, { refused: true });
    await page.waitForFunction('globalThis.seen?.text.includes("away away ")');
    await proxy.set({ refuse: 'refused' });
    await context.setOffline(true);
    proxy.cutAll('rst');
    // Until a request has given up, and the job has gone on and ended.
    await page.waitForFunction('globalThis.seen.refused', undefined, {
      timeout: OFFLINE_TIMEOUT_MS + 30_000,
    });
    await job.done();
    await proxy.reset();
    await context.setOffline(false);
    const whole = await seen;
    expectWhole(whole, 'away '.repeat(400));
    expect(whole.refused).toBe('connect_failed');
  });

  test('a page outlives its gateway', async () => {
    const job = await client.execute({ prompt: promptOf('restart ', 200) });
    const page = await openTab();
    const seen = follow(page, job.jobId);
    await page.waitForFunction('globalThis.seen?.text.includes("restart restart ")');
    const [gateway] = stack.gateways;
    gateway?.kill('SIGKILL');
    await gateway?.exited;
    await stack.startGateway({ GATEWAY_PORT: `${gateway?.ready.port}` });
    expectWhole(await seen, 'restart '.repeat(200));
  });

  test('a tab that was frozen while its job ended has all of it when it wakes', async () => {
    const job = await client.execute({ prompt: promptOf('frozen ', 150) });
    const page = await openTab();
    const seen = follow(page, job.jobId);
    await page.waitForFunction('globalThis.seen?.text.includes("frozen frozen ")');
    const devtools = await context.newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await job.done();
    // Longer than the silence after which either side gives a connection up.
    await heartbeats(4);
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    expectWhole(await seen, 'frozen '.repeat(150));
  });
});

const promptOf = (text: string, repeat: number, more: object = {}) =>
  `demo:${JSON.stringify({ text, repeat, delayMs: 10, ...more })}`;

function expectWhole({ seqs, text, end }: Seen, expected: string): void {
  expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  expect(text).toBe(expected);
  expect(end).toBe('completed');
}

async function say(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Prompt').fill(prompt);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Resolves when a listener to another job has had so many heartbeats. */
async function heartbeats(count: number): Promise<void> {
  const job = await client.execute({ prompt: promptOf('beat ', 1, { hang: true }) });
  const origin = stack.url().replace(/^ws/, 'http').replace(/\/ws$/, '');
  const { body } = await fetch(`${origin}/v1/jobs/${job.jobId}/events`);
  let seen = '';
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    seen += piece;
    if (seen.split(': heartbeat').length > count) break;
  }
  await job.cancel();
}

async function openTab(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/blank.html`);
  return page;
}

/** Has a page follow a job to its end, in itself or in a Web Worker, with the SDK as it is packed. `refused`: and ask for something meanwhile. */
function follow(page: Page, jobId: string, options: { inWorker?: true; refused?: true } = {}): Promise<Seen> {
  const plan = { url: proxy.url('ws', '/ws'), offlineTimeoutMs: OFFLINE_TIMEOUT_MS, jobId, ...options };
  return page.evaluate(`${options.inWorker ? 'followInWorker' : 'follow'}(${JSON.stringify(plan)})`);
}

const FOLLOW = `
import { createClient } from '/client/index.js';

globalThis.follow = async ({ url, offlineTimeoutMs, jobId, refused }) => {
  const seen = (globalThis.seen = { seqs: [], text: '', end: undefined });
  const client = createClient({ url, offlineTimeoutMs });
  const job = await client.attach(jobId);
  if (refused) {
    client.on('state', (state) => {
      if (state === 'reconnecting') client.list().catch(({ code }) => (seen.refused ??= code));
    });
  }
  for await (const event of job.events()) {
    seen.seqs.push(event.seq);
    if (event.type === 'output') seen.text += event.text;
    if ('evidence' in event) seen.end = event.type;
  }
  await client.close();
  return seen;
};

globalThis.followInWorker = (given) => {
  const worker = new Worker('/follow.js', { type: 'module' });
  worker.postMessage(given);
  return new Promise((resolve) => worker.addEventListener('message', ({ data }) => resolve(data)));
};

globalThis.onmessage = async ({ data }) => postMessage(await follow(data));
`;

/** Built as its reader would, from the packed SDK and hooks. */
async function buildChat(): Promise<void> {
  await cp(join(root, 'examples/vite-chat'), join(project.folder, 'chat'), { recursive: true });
  const vite = join(root, 'node_modules/.bin/vite');
  await run(vite, ['build', '--base', './', '--logLevel', 'error'], {
    cwd: join(project.folder, 'chat'),
    env: { ...process.env, VITE_CC_EXECUTOR_URL: proxy.url('ws', '/ws') },
  });
}

async function serve(): Promise<void> {
  const folders = {
    '/chat/': join(project.folder, 'chat/dist/'),
    '/client/': join(project.folder, 'node_modules/@cc-executor/client/dist/'),
  };
  const texts: Record<string, string> = {
    '/blank.html': '<!doctype html><script type="module" src="/follow.js"></script>',
    '/follow.js': FOLLOW,
  };
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    const [prefix, folder] = Object.entries(folders).find(([start]) => path.startsWith(start)) ?? [];
    const body =
      texts[path] ??
      (prefix && folder && (await readFile(folder + path.slice(prefix.length)).catch(() => undefined)));
    response.writeHead(body ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'text/plain' });
    response.end(body || undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
