/** `npm start`'s command as a process: the whole stack comes up, works, and is gone when its supervisor is. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Child, runNode } from './support/child.ts';
import { nonce } from './support/nonce.ts';
import { findOnPath } from './support/path.ts';
import { descendants, isAlive } from './support/processes.ts';

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const launcher = file('tools/runtime/run.mjs');
const main = file('apps/cli/src/main.ts');

/** claude-api has the longest: it ends what it runs for others. */
const ORPHANS_GONE_WITHIN_MS = 25_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cc-executor-up-'));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

type Up = { child: Child; pids: number[]; url: string };

/** Starts it on free ports and waits for its table. */
async function startUp(path: string): Promise<Up> {
  const child = runNode([launcher, main, 'up'], {
    env: {
      PATH: path,
      HOME: folder,
      CLAUDE_ENGINE: 'demo',
      CLAUDE_WORK_DIR: join(folder, 'work'),
      UP_DATA_DIR: join(folder, 'redis'),
      CLAUDE_API_PORT: '0',
      GATEWAY_PORT: '0',
      DASHBOARD_PORT: '0',
      NO_COLOR: '1',
    },
  });
  const [, url] = await child.untilOutput(/Try it: +npx cc-executor run --url (ws:\S+) "hello"\n.*Ctrl-C/);
  const pids = descendants(child.pid);
  return { child, pids, url: url! };
}

async function run(url: string, ...args: string[]): Promise<string> {
  const child = runNode([main, ...args, '--url', url]);
  expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
  return child.stdout();
}

async function expectToWork({ url, child }: Up): Promise<void> {
  const text = nonce();
  const prompt = `demo:${JSON.stringify({ text, repeat: 10, delayMs: 2 })}`;
  expect(await run(url, 'run', prompt)).toBe(`${text.repeat(10)}\n`);
  const [, dashboard] = /dashboard +(http:\S+)/.exec(child.stdout())!;
  const { status } = await fetch(dashboard!);
  expect(status).toBe(200);
}

async function expectGone(pids: number[], withinMs: number): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: withinMs, interval: 50 });
}

const hasRedis = (findOnPath('redis-server') ?? findOnPath('valkey-server')) !== undefined;
const NO_REDIS = 'there is no redis-server or valkey-server on PATH';

describe.each([
  ['a redis-server on PATH', process.env.PATH ?? '', /redis +redis:\S+ \(\w+-server, data in/, 6, !hasRedis],
  ['no Redis on PATH', '/nowhere', /redis +redis:\S+ \(EMBEDDED/, 5, false],
])('cc-executor up with %s', (_, path, described, processes, isMissing) => {
  beforeEach(({ skip }) => skip(isMissing, NO_REDIS));

  it('comes up, runs a job, and leaves nothing behind at SIGTERM', async () => {
    const up = await startUp(path);
    expect(up.child.stdout()).toMatch(described);
    expect(up.child.stdout()).toContain('DEMO engine');
    expect(up.pids).toHaveLength(processes);
    await expectToWork(up);
    up.child.process.kill('SIGTERM');
    expect(await up.child.ended).toEqual({ code: 0, signal: null });
    expect(up.child.stdout()).toContain('everything has stopped');
    expect(up.child.stdout()).not.toContain('had to be killed');
    expect(up.pids.filter(isAlive)).toEqual([]);
  });

  it('leaves nothing behind when it is killed in the middle of a job', async () => {
    const up = await startUp(path);
    const text = nonce();
    const jobId = await run(up.url, 'run', '--detach', `demo:${JSON.stringify({ text, hang: true })}`);
    const listener = runNode([main, 'attach', jobId.trim(), '--url', up.url]);
    await listener.untilOutput(new RegExp(text));
    up.child.process.kill('SIGKILL');
    expect((await up.child.ended).signal).toBe('SIGKILL');
    await expectGone(up.pids, ORPHANS_GONE_WITHIN_MS);
  });
});

it.skipIf(!hasRedis)(
  'cc-executor up still knows its jobs after it was stopped and started again',
  async () => {
    const first = await startUp(process.env.PATH ?? '');
    const text = nonce();
    const jobId = (await run(first.url, 'run', '--detach', `demo:${JSON.stringify({ text })}`)).trim();
    const answer = await run(first.url, 'attach', jobId, '--json');
    first.child.process.kill('SIGTERM');
    expect((await first.child.ended).code).toBe(0);
    const second = await startUp(process.env.PATH ?? '');
    expect(await run(second.url, 'attach', jobId, '--json')).toBe(answer);
    second.child.process.kill('SIGTERM');
    expect((await second.child.ended).code).toBe(0);
  },
);
