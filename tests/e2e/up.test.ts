/** `npm start`'s command as a process: the whole stack comes up, works, and is gone when its supervisor is. */
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fetchServer, serverCache } from '@cc-executor/local-redis';
import { startTestRedis } from '@cc-executor/testing';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { isAlive } from './support/processes.ts';
import {
  expectToStop,
  expectToVanish,
  expectToWork,
  launchUp as launchIn,
  startUp as startIn,
  useFolder,
} from './support/up.ts';

const folder = useFolder();
const bin = () => join(folder(), 'bin');
const launchUp = (env: NodeJS.ProcessEnv) => launchIn(folder(), env);
const startUp = (env: NodeJS.ProcessEnv) => startIn(folder(), env);

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
    name: 'a fetched server',
    env: async () => ({}),
    described: /redis +redis:\S+ \(\w+-server \d\S+, fetched; FETCH_REDIS=off forbids it; data in/,
    processes: 6,
    missing: await whyNotFetched(),
  },
  {
    name: 'no Redis that can run',
    async env() {
      await putServer('echo "libx.so.1: not found" >&2; exit 127');
      return { PATH: bin(), FETCH_REDIS: 'off' };
    },
    described: /\/bin\/redis-server cannot run: libx\.so\.1: not found.*redis +redis:\S+ \(EMBEDDED/s,
    processes: 5,
  },
];

/** Makes a redis-server in `bin`. */
async function putServer(script: string): Promise<void> {
  await mkdir(bin());
  await writeFile(join(bin(), 'redis-server'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

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
    await expectToStop(up);
  });
});

// With a real server it is killed in up-on-path.test.ts; the processes of the third way are among those.
it('cc-executor up with the embedded Redis leaves nothing behind when it is killed in the middle of a job', async () => {
  await expectToVanish(await startUp({ FETCH_REDIS: 'off' }));
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
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'cc-executor up ends at %s while it looks for a Redis',
  async (signal) => {
    const pidFile = join(folder(), 'pid');
    await putServer(`echo $$ >'${pidFile}'\nexec /bin/sleep 600`);
    const child = launchUp({ PATH: bin(), FETCH_REDIS: 'off' });
    await vi.waitFor(async () => expect(await readFile(pidFile, 'utf8')).toMatch(/\d+\n/), {
      timeout: 30_000,
    });
    child.process.kill(signal);
    expect((await child.ended).code).toBe(0);
    expect(isAlive(Number(await readFile(pidFile, 'utf8')))).toBe(false);
    expect(child.stdout()).toContain('everything has stopped');
  },
);
