/** `npm start`'s command as a process, on free ports, with all that it writes in one folder; and what is expected of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quickStarts } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type Child, runNode } from './child.ts';
import { nonce } from './nonce.ts';
import { descendants, isAlive } from './processes.ts';

export type Up = { child: Child; pids: number[]; url: string };

const file = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const launcher = file('tools/runtime/run.mjs');

/** The command. */
export const main = file('apps/cli/src/main.ts');

/** Starts it with the demo engine and no program on PATH, unless told otherwise. */
export function launchUp(folder: string, env: NodeJS.ProcessEnv, args: readonly string[] = []): Child {
  return runNode([launcher, main, 'up', ...args], {
    env: {
      PATH: '/nowhere',
      HOME: folder,
      CLAUDE_ENGINE: 'demo',
      CLAUDE_WORK_DIR: join(folder, 'work'),
      UP_DATA_DIR: join(folder, 'redis'),
      CLAUDE_API_PORT: '0',
      GATEWAY_PORT: '0',
      DASHBOARD_PORT: '0',
      NO_COLOR: '1',
      ...quickStarts(),
      ...env,
    },
  });
}

/** Starts it, and waits for its table. */
export async function startUp(
  folder: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): Promise<Up> {
  const child = launchUp(folder, env, args);
  const [, url] = await child.untilOutput(/Try it: +npx cc-executor run --url (ws:\S+) "hello"\n.*Ctrl-C/);
  return { child, pids: descendants(child.pid), url: url! };
}

/** A folder for each test of a file; returns how to get at it. */
export function useFolder(): () => string {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cc-executor-up-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return () => folder;
}

/** Runs a command of the command line to its end, which must be a good one; resolves with what it put out. */
export async function runCommand(url: string, ...args: string[]): Promise<string> {
  const child = runNode([main, ...args, '--url', url]);
  expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
  return child.stdout();
}

/** That a job runs, and the dashboard answers. */
export async function expectToWork({ url, child }: Up): Promise<void> {
  const text = nonce();
  const prompt = `demo:${JSON.stringify({ text, repeat: 10, delayMs: 2 })}`;
  expect(await runCommand(url, 'run', prompt)).toBe(`${text.repeat(10)}\n`);
  const [, dashboard] = /dashboard +(http:\S+)/.exec(child.stdout())!;
  const { status } = await fetch(dashboard!);
  expect(status).toBe(200);
}

/** That it ends at SIGTERM, as do all of its processes. */
export async function expectToStop({ child, pids }: Up): Promise<void> {
  child.process.kill('SIGTERM');
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.stdout()).toContain('everything has stopped');
  expect(child.stdout()).not.toContain('had to be killed');
  expect(pids.filter(isAlive)).toEqual([]);
}

/** claude-api has the longest: it ends what it runs for others. */
const ORPHANS_GONE_WITHIN_MS = 25_000;

/** That nothing is left when it is killed in the middle of a job. */
export async function expectToVanish({ child, pids, url }: Up): Promise<void> {
  const text = nonce();
  const prompt = `demo:${JSON.stringify({ text, hang: true })}`;
  const jobId = await runCommand(url, 'run', '--detach', prompt);
  const listener = runNode([main, 'attach', jobId.trim(), '--url', url]);
  await listener.untilOutput(new RegExp(text));
  child.process.kill('SIGKILL');
  expect((await child.ended).signal).toBe('SIGKILL');
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), {
    timeout: ORPHANS_GONE_WITHIN_MS,
    interval: 50,
  });
}
