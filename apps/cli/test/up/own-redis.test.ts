/** The Redis that `up` starts, and what happens when the supervisor is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { RedisChoice } from '@cc-executor/local-redis';
import { chooseTestRedis, freePort, needs, quickStart } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { probeRedisServer, waitUntilReady } from '../../src/up/probes.ts';
import { planRedis } from '../../src/up/stack-redis.ts';
import { holdConnection, isRefused } from './network.ts';
import { createRecording, type Recording } from './recording.ts';

const choice = await chooseTestRedis();

const watch = new URL('../../src/up/parent-watch.mjs?graceMs=5000', import.meta.url).href;
const supervisor = fileURLToPath(new URL('./fixtures/supervisor.ts', import.meta.url));

let folder: string;
const processes: ChildProcess[] = [];
const PASSWORD = 'drawn-for-this-test';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce-up-'));
});

afterEach(async () => {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    // The end of its standard input is the end of a guard and of what it guards.
    child.stdin?.end();
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

function launch(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; recording: Recording } {
  const recording = createRecording();
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', recording.add);
  }
  processes.push(child);
  return { child, recording };
}

async function launchRedis(chosen: RedisChoice = choice, where = { folder, port: 0 }) {
  const port = where.port || (await freePort());
  const { run } = planRedis(chosen, { host: '127.0.0.1', port, folder: where.folder, password: PASSWORD });
  return {
    ...launch(['--import', watch, ...quickStart(run?.script ?? ''), ...(run?.args ?? [])], run?.env),
    port,
  };
}

async function untilReady(port: number): Promise<void> {
  await waitUntilReady({
    probe: probeRedisServer(`redis://:${PASSWORD}@127.0.0.1:${port}`),
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    tellEveryMs: 60_000,
    onWaiting: () => {},
  });
}

async function command(port: number, text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(`AUTH ${PASSWORD}\r\n`);
  await once(socket, 'data');
  socket.write(`${text}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function endByParent(child: ChildProcess): Promise<number | null> {
  child.stdin?.end();
  return exitOf(child);
}

test('asks for its password, which no argument shows and nobody else can read', async (context) => {
  await needs('program')(context);
  const { child, port } = await launchRedis();
  await untilReady(port);
  const socket = connect({ host: '127.0.0.1', port });
  socket.write('GET job\r\n');
  expect(String((await once(socket, 'data'))[0])).toMatch(/^-NOAUTH/);
  socket.destroy();
  expect(await command(port, 'PING')).toBe('+PONG\r\n');
  expect(child.spawnargs.join(' ')).not.toContain(PASSWORD);
  expect(statSync(join(folder, 'password.conf')).mode & 0o777).toBe(0o600);
});

test('the embedded one asks for its password, too', async () => {
  const { child, port } = await launchRedis({ kind: 'embedded', passedOver: [] });
  await untilReady(port);
  const socket = connect({ host: '127.0.0.1', port });
  for (const [sent, answer] of [
    ['SET planted yes', '-NOAUTH'],
    ['EVAL "return 1" 0', '-NOAUTH'],
    ['SUBSCRIBE x', '-NOAUTH'],
    ['AUTH another', '-WRONGPASS'],
    ['GET planted', '-NOAUTH'],
  ]) {
    socket.write(`${sent}\r\n`);
    expect(String((await once(socket, 'data'))[0])).toContain(answer);
  }
  socket.destroy();
  expect(await command(port, 'GET planted')).toBe('$-1\r\n');
  expect(child.spawnargs.join(' ')).not.toContain(PASSWORD);
});

test('writes files that only its user can read, whatever the umask it was started with', async (context) => {
  await needs('program')(context);
  const data = join(folder, 'data');
  const before = process.umask(0o022);
  onTestFinished(() => void process.umask(before));
  const { port } = await launchRedis(choice, { folder: data, port: 0 });
  await untilReady(port);
  expect(await command(port, 'SET job kept')).toBe('+OK\r\n');
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name));
  expect(files.some((file) => file.endsWith('.aof'))).toBe(true);
  const open = [data, ...files].filter((file) => statSync(file).mode & 0o077);
  expect(open).toEqual([]);
});

test('keeps what was written over a restart', async (context) => {
  await needs('persistence')(context);
  const first = await launchRedis();
  await untilReady(first.port);
  expect(await command(first.port, 'SET job kept')).toBe('+OK\r\n');
  await endByParent(first.child);
  const second = await launchRedis();
  await untilReady(second.port);
  expect(await command(second.port, 'GET job')).toContain('kept');
});

test('says nothing while all is well, and everything when it cannot start', async (context) => {
  await needs('program')(context);
  const good = await launchRedis();
  await untilReady(good.port);
  expect(good.recording.lines).toEqual([]);
  const bad = await launchRedis(choice, { port: good.port, folder: join(folder, 'other') });
  await bad.recording.waitFor(/in use/);
  expect(await exitOf(bad.child)).toBe(1);
});

test('ends with its parent, whose death closes standard input', async (context) => {
  await needs('program')(context);
  const { child, port } = await launchRedis();
  await untilReady(port);
  const { ended } = await holdConnection(port);
  expect(await endByParent(child)).toBe(0);
  await ended;
  expect(await isRefused(port)).toBe(true);
});

test('a second one on the same data folder is refused with the reason', async (context) => {
  await needs('program')(context);
  const first = await launchRedis();
  await untilReady(first.port);
  const second = await launchRedis();
  expect(await exitOf(second.child)).toBe(78);
  expect((await second.recording.waitFor(/locked/))[0]).toBeDefined();
  expect(second.recording.lines.join('\n')).toMatch(/data folder .* another `cc-executor up`.*REDIS_URL/);
  expect(await isRefused(second.port)).toBe(true);
  expect(await command(first.port, 'PING')).toBe('+PONG\r\n');
});

test('the embedded one answers on loopback only and ends with its parent', async () => {
  const { child, port } = await launchRedis({ kind: 'embedded', passedOver: [] });
  await untilReady(port);
  expect(await command(port, 'SET a b')).toBe('+OK\r\n');
  // Bound to this one address, so that the same port is free on another loopback address.
  await expect(holdConnectionTo('127.0.0.2', port)).rejects.toThrow('ECONNREFUSED');
  await endByParent(child);
  expect(await isRefused(port)).toBe(true);
});

test('a supervisor killed with SIGKILL leaves no child and no Redis', async (context) => {
  await needs('program')(context);
  const [redisPort, childPort] = [await freePort(), await freePort()];
  const { child, recording } = launch([supervisor, folder, String(redisPort), String(childPort)]);
  await recording.waitFor(/^READY/);
  const held = await Promise.all([redisPort, childPort].map(holdConnection));
  child.kill('SIGKILL');
  await Promise.all(held.map(({ ended }) => ended));
  // A process that ends may close what it has accepted before its door.
  for (const port of [redisPort, childPort]) await expect.poll(() => isRefused(port)).toBe(true);
});

test('a supervisor told to stop stops the child before Redis and exits with 0', async (context) => {
  await needs('program')(context);
  const [redisPort, childPort] = [await freePort(), await freePort()];
  const { child, recording } = launch([supervisor, folder, String(redisPort), String(childPort)]);
  await recording.waitFor(/^READY/);
  child.kill('SIGINT');
  // Not 'exit', which may come before the last of the output.
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  // Coloured where CI is set.
  const own = recording.lines
    .map(stripVTControlCharacters)
    .filter((line) => /^(up|child) .*(SIGTERM|SIGINT|stopping|killed)/.test(line));
  expect(own.map((line) => line.replace(/^.*│ /, ''))).toEqual([
    'stopping child',
    'got SIGTERM',
    'stopping redis',
  ]);
});

async function holdConnectionTo(host: string, port: number): Promise<void> {
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.destroy();
}
