/**
 * The packed hooks, and `useChat` of the AI SDK with the packed transport, in a browser: with each React that they are promised for, in
 * Strict Mode. A reload in the midst of an answer loses nothing, and what runs is stopped after one.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Locator } from 'playwright-core';
import { PROGRAMS, program } from '../browser/chromium.ts';
import { startDemoStack } from '../browser/demo-stack.ts';
import { type CleanProject, run } from './clean-project.ts';

/** Each React under a name of its own, and what a bundler is told. */
const REACTS = {
  19: {},
  18: { react: 'react18', 'react-dom': 'react-dom18' },
};
export const REACT_PACKAGES = [
  '@ai-sdk/react@4.0.177',
  'react-dom@19.3.1',
  'react18@npm:react@18.3.1',
  'react-dom18@npm:react-dom@18.3.1',
];
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Answers what was tried. Errors: what does not hold. */
export async function tryInBrowser(project: CleanProject): Promise<string> {
  if (program === undefined) return `not tried: none of ${PROGRAMS.join(', ')} is here`;
  for (const [major, alias] of Object.entries(REACTS)) await build(project, major, alias);
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-react-'));
  const stack = await startDemoStack(folder, { PATH: process.env.PATH ?? '' });
  const server = serve(project.folder).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  try {
    const tried: string[] = [];
    for (const major of Object.keys(REACTS)) {
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const page = `${origin}/react${major}/react-page.html?gateway=${stack.url}`;
      for (const part of ['hooks', 'chat'])
        tried.push(await tryPart(browser, { page, part, jobs: stack.jobs }));
    }
    return tried.join(', ');
  } finally {
    await browser.close();
    server.close();
    await stack.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function build({ folder }: CleanProject, major: string, alias: object): Promise<void> {
  const config = {
    base: './',
    resolve: { alias },
    oxc: { jsx: { runtime: 'automatic' } },
    build: { outDir: `react${major}`, rolldownOptions: { input: 'react-page.html' } },
  };
  await writeFile(join(folder, `react${major}.config.js`), `export default ${JSON.stringify(config)};\n`);
  const vite = join(folder, 'node_modules/.bin/vite');
  await run(vite, ['build', '--config', `react${major}.config.js`, '--logLevel', 'error'], { cwd: folder });
}

function serve(folder: string) {
  return createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const body = await readFile(join(folder, pathname)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { 'content-type': TYPES[extname(pathname)] ?? 'text/plain' });
    response.end(body);
  });
}

async function tryPart(
  browser: Browser,
  { page: address, part: name, jobs }: { page: string; part: string; jobs: string },
): Promise<string> {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  try {
    const page = await context.newPage();
    await page.goto(address);
    const react = await page.locator('h1').textContent();
    const part = page.getByLabel(name, { exact: true });
    const text = 'tick '.repeat(150);
    await say(part, { text: 'tick ', repeat: 150, delayMs: 10 });
    await part.getByText('tick tick').waitFor();
    await page.reload();
    await part.locator('output', { hasText: 'busy' }).waitFor();
    await part.locator('output', { hasText: 'ready' }).waitFor();
    const answer = await part.locator('p').last().textContent();
    if (answer !== text) throw new Error(`React ${react}, ${name}: the answer is '${answer}'`);

    await say(part, { text: 'stop ', repeat: 20, hang: true });
    await part.getByText('stop stop').waitFor();
    await page.reload();
    await part.getByText('stop stop').waitFor();
    await part.getByRole('button', { name: 'Stop' }).click();
    await part.locator('output', { hasText: 'ready' }).waitFor();
    const cancelled = part.locator('p', { hasText: 'stop stop' });
    if ((await cancelled.count()) !== 1) throw new Error(`React ${react}, ${name}: what was stopped is gone`);
    await untilNoneRuns(jobs);
    return `React ${react} ${name}`;
  } finally {
    await context.close();
  }
}

async function say(part: Locator, demo: object): Promise<void> {
  await part.getByLabel('Prompt').fill(`demo:${JSON.stringify(demo)}`);
  await part.getByRole('button', { name: 'Send' }).click();
}

async function untilNoneRuns(jobs: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  for (;;) {
    const response = await fetch(`${jobs}/count?status=unfinished`, { signal });
    if (((await response.json()) as { jobs: number }).jobs === 0) return;
  }
}
