import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runCliProcess } from '../src/cli-process.ts';
import { findContainment } from '../src/containment.ts';
import { bestContainment, temporaryFolder } from './harness.ts';

test('output is not read on while its receiver is not ready, and what is left comes after the end', async () => {
  const { promise: never } = Promise.withResolvers<void>();
  let bytes = 0;
  const ending = await runCliProcess(
    {
      file: process.execPath,
      args: [fileURLToPath(new URL('fixtures/fake-cli.mjs', import.meta.url)), '--model=floodsUntilBlocked'],
      cwd: temporaryFolder(),
      env: { PATH: process.env.PATH },
      input: '',
      marker: `cli-process-test-${process.pid}`,
    },
    {
      signal: new AbortController().signal,
      stopGraceMs: 100,
      containment: bestContainment(),
      onOutput(chunk) {
        bytes += chunk.length;
        return never;
      },
    },
  );
  expect(ending).toEqual({ exitCode: 0, signal: null, stderr: 'blocked' });
  expect(bytes).toBeLessThan(2 * 1024 * 1024);
});

test.runIf(process.platform === 'linux')('one that cannot be started leaves no descriptor open', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const containment = { ...bestContainment(), kind: 'marker', launcher: [], hides: 'nothing' } as const;
  const program = { file: '/no/such', args: [], cwd: '/', env: {}, input: '', marker: 'none' };
  const signal = new AbortController().signal;
  const run = () => runCliProcess(program, { signal, stopGraceMs: 1, containment, onOutput() {} });
  await run();
  const before = open();
  for (let runs = 0; runs < 30; runs += 1) {
    expect(await run()).toMatchObject({ spawnError: { code: 'ENOENT' } });
  }
  expect(open()).toBeLessThan(before + 15);
});

/** A program that is the init of what it starts, as in a container without one, and tells what nobody has asked for its end. */
const INIT = `
import { readdirSync, readFileSync } from 'node:fs';
const { runCliProcess } = await import(process.argv[1] + 'cli-process.ts');
const { findContainment } = await import(process.argv[1] + 'containment.ts');
const script = 'for n in 1 2 3; do (setsid env -i sleep 600 &); done';
const program = { file: '/bin/sh', args: ['-c', script], cwd: '/', env: { PATH: process.env.PATH }, input: '', marker: 'init' };
const signal = new AbortController().signal;
await runCliProcess(program, { signal, stopGraceMs: 1, containment: findContainment('off', process.env), onOutput() {} });
const children = readFileSync('/proc/' + process.pid + '/task/' + process.pid + '/children', 'utf8').match(/[0-9]+/g) ?? [];
console.log(children.length);
process.exit();
`;

test.runIf(process.platform === 'linux')(
  'what it leaves and is killed is no zombie of ours',
  async ({ skip }) => {
    const { kind, launcher, detail } = findContainment('off', process.env);
    skip(kind !== 'subreaper' || !launcher[0]?.endsWith('perl'), `This machine has only ${detail}`);
    const src = new URL('../src/', import.meta.url).href;
    const [perl = '', ...args] = launcher;
    const asInit = [...args, process.execPath, '--input-type=module', '-e', INIT, src];
    const { stdout } = await promisify(execFile)(perl, asInit, { env: { PATH: process.env.PATH } });
    expect(stdout.trim()).toBe('0');
  },
);
