/** `npm start`'s command as a process: the whole stack comes up, works, and is gone when its supervisor is. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchServer, serverCache } from '@cc-executor/local-redis';
import { chooseTestRedis, startTestRedis } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runNode } from './support/child.ts';
import { nonce } from './support/nonce.ts';
import { isAlive } from './support/processes.ts';
import { launchUp as launchIn, main, startUp as startIn, type Up } from './support/up.ts';

/** claude-api has the longest: it ends what it runs for others. */
const ORPHANS_GONE_WITHIN_MS = 25_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cc-executor-up-'));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

const launchUp = (env: NodeJS.ProcessEnv) => launchIn(folder, env);
const startUp = (env: NodeJS.ProcessEnv) => startIn(folder, env);

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

/** What the tests themselves run on: a real server, found or fetched, or the embedded one. */
const chosen = await chooseTestRedis();
const server = 'program' in chosen ? chosen.program : undefined;
const NO_SERVER = `no real Redis can be had: ${chosen.passedOver.join('; ')}`;

/** A PATH that holds a redis-server and nothing else. */
async function pathWithServer(): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'redis-server'), `#!/bin/sh\nexec '${server?.file}' "$@"\n`, { mode: 0o755 });
  return bin;
}

type Way = {
  name: string;
  env: () => Promise<NodeJS.ProcessEnv>;
  described: RegExp;
  processes: number;
  /** Why it cannot be tried here. */
  missing?: string | undefined;
};

const ways: Way[] = [
  {
    name: 'REDIS_URL',
    async env() {
      const redis = await startTestRedis();
      onTestFinished(() => redis.close());
      return { REDIS_URL: redis.url };
    },
    described: /redis +redis:\S+ \(REDIS_URL\)/,
    processes: 4,
  },
  {
    name: 'a redis-server on PATH',
    env: async () => ({ PATH: await pathWithServer(), FETCH_REDIS: 'off' }),
    described: /redis +redis:\S+ \(redis-server \d\S+; data in/,
    processes: 6,
    missing: server === undefined ? NO_SERVER : undefined,
  },
  {
    name: 'a fetched server',
    env: async () => ({}),
    described: /redis +redis:\S+ \(\w+-server \d\S+, fetched; FETCH_REDIS=off forbids it; data in/,
    processes: 6,
    missing: await whyNotFetched(),
  },
  {
    name: 'no Redis at all',
    env: async () => ({ FETCH_REDIS: 'off' }),
    described: /redis +redis:\S+ \(EMBEDDED/,
    processes: 5,
  },
];

/** Where one is installed, nobody has had to fetch one yet. */
async function whyNotFetched(): Promise<string | undefined> {
  if (process.env.FETCH_REDIS === 'off') return 'FETCH_REDIS=off, or the test set-up could not fetch one';
  try {
    await fetchServer({ path: process.env.PATH, cache: serverCache });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe.each(ways)('cc-executor up with $name', ({ env, described, processes, missing }) => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  it('comes up, runs a job, and leaves nothing behind at SIGTERM', async () => {
    const up = await startUp(await env());
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
    const up = await startUp(await env());
    const text = nonce();
    const jobId = await run(up.url, 'run', '--detach', `demo:${JSON.stringify({ text, hang: true })}`);
    const listener = runNode([main, 'attach', jobId.trim(), '--url', up.url]);
    await listener.untilOutput(new RegExp(text));
    up.child.process.kill('SIGKILL');
    expect((await up.child.ended).signal).toBe('SIGKILL');
    await expectGone(up.pids, ORPHANS_GONE_WITHIN_MS);
  });
});

it('cc-executor up still knows its jobs after it was stopped and started again', async ({ skip }) => {
  skip(server === undefined, NO_SERVER);
  const env = { PATH: await pathWithServer() };
  const first = await startUp(env);
  const text = nonce();
  const jobId = (await run(first.url, 'run', '--detach', `demo:${JSON.stringify({ text })}`)).trim();
  const answer = await run(first.url, 'attach', jobId, '--json');
  first.child.process.kill('SIGTERM');
  expect((await first.child.ended).code).toBe(0);
  const second = await startUp(env);
  expect(await run(second.url, 'attach', jobId, '--json')).toBe(answer);
  second.child.process.kill('SIGTERM');
  expect((await second.child.ended).code).toBe(0);
});

it('cc-executor up names a redis-server that cannot run, and takes the next Redis', async () => {
  const bin = join(folder, 'broken');
  await mkdir(bin);
  await writeFile(join(bin, 'redis-server'), '#!/bin/sh\necho "libx.so.1: not found" >&2; exit 127\n', {
    mode: 0o755,
  });
  const { child } = await startUp({ PATH: bin, FETCH_REDIS: 'off' });
  expect(child.stdout()).toContain(`${join(bin, 'redis-server')} cannot run: libx.so.1: not found`);
  expect(child.stdout()).toMatch(/redis +redis:\S+ \(EMBEDDED/);
  child.process.kill('SIGTERM');
  expect((await child.ended).code).toBe(0);
});

describe('cc-executor up says what is wrong before anything starts:', () => {
  const started = /is ready|died/;

  it('a misspelt setting and an invalid value, both at once', async () => {
    const child = launchUp({ GATEWAY_PROT: '9000', JOB_LEASE_MS: 'soon' });
    expect((await child.ended).code).toBe(78);
    expect(child.stderr()).toContain('GATEWAY_PROT is not a known variable; did you mean GATEWAY_PORT?');
    expect(child.stderr()).toContain('JOB_LEASE_MS is not a duration');
    expect(child.stdout()).not.toMatch(started);
  });

  it('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = launchUp({ GATEWAY_PORT: String(port) });
    expect((await child.ended).code).toBe(1);
    expect(child.stderr()).toMatch(/^gateway: port \d+ on 127.0.0.1 is already in use.*GATEWAY_PORT/);
    expect(child.stdout()).not.toMatch(started);
  });

  it('a data folder that is not a folder', async ({ skip }) => {
    skip(server === undefined, NO_SERVER);
    await writeFile(join(folder, 'redis'), '');
    const child = launchUp({ PATH: await pathWithServer() });
    expect((await child.ended).code).toBe(1);
    expect(child.stderr()).toMatch(/redis is not a folder; .*UP_DATA_DIR/);
    expect(child.stdout()).not.toMatch(started);
  });
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'cc-executor up ends at %s while it looks for a Redis',
  async (signal) => {
    const bin = join(folder, 'slow');
    await mkdir(bin);
    const pidFile = join(folder, 'pid');
    await writeFile(join(bin, 'redis-server'), `#!/bin/sh\necho $$ >'${pidFile}'\nread line </dev/zero\n`, {
      mode: 0o755,
    });
    const child = launchUp({ PATH: bin, FETCH_REDIS: 'off' });
    await vi.waitFor(async () => expect(await readFile(pidFile, 'utf8')).toMatch(/\d+\n/), {
      timeout: 30_000,
    });
    child.process.kill(signal);
    expect((await child.ended).code).toBe(0);
    expect(isAlive(Number(await readFile(pidFile, 'utf8')))).toBe(false);
    expect(child.stdout()).toContain('everything has stopped');
  },
);
