import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FetchError } from '../src/debian.ts';
import { fetchServer } from '../src/fetched.ts';
import { takeLock } from '../src/index.ts';
import { findPrograms } from '../src/programs.ts';
import { runProgram } from '../src/run-program.ts';
import { versionScript, writeTools } from './fakes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce fetch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

function fetch(options: { signal?: AbortSignal; onFetch?: () => void; cache?: string } = {}) {
  return fetchServer({ path: at('tools'), cache: at('cache'), ...options });
}

/** What apt-get was asked for, the last word of each call. */
function calls(): string[] {
  const file = at('tools/calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** All but the locks. */
function cached(): string[] {
  return readdirSync(at('cache')).filter((name) => !name.endsWith('.lock'));
}

describe('fetching a server', () => {
  test('asks apt-get once, and finds the server again afterwards', async () => {
    writeTools(at('tools'));
    const first = await fetch();
    expect(first).toMatchObject({ name: 'redis-server', version: '7.0.15' });
    expect(first.file.startsWith(at('cache'))).toBe(true);
    expect(await fetch({ onFetch: () => expect.fail('fetched twice') })).toEqual(first);
    expect(calls()).toEqual(['update', 'redis-server']);
  });

  test('is done once when many start together', async () => {
    writeTools(at('tools'));
    const servers = await Promise.all(Array.from({ length: 8 }, () => fetch()));
    expect(new Set(servers.map(({ file }) => file)).size).toBe(1);
    expect(calls()).toEqual(['update', 'redis-server']);
  });

  test('takes Valkey where there is no Redis', async () => {
    writeTools(at('tools'), { known: 'valkey-server', server: versionScript('8.1.1', 'Valkey') });
    expect(await fetch()).toMatchObject({ name: 'valkey-server', version: '8.1.1' });
  });

  test('is repeated when what is there cannot run, such as a folder of another machine', async () => {
    writeTools(at('tools'));
    const { file } = await fetch();
    writeFileSync(file, '#!/bin/sh\nexit 127\n');
    expect(await fetch()).toMatchObject({ file, version: '7.0.15' });
    expect(calls()).toHaveLength(4);
  });

  test('clears away what a fetch left that was killed', async () => {
    writeTools(at('tools'));
    const { file } = await fetch();
    const [own = ''] = cached();
    rmSync(at(`cache/${own}`), { recursive: true });
    mkdirSync(at(`cache/${own}.partial-x1`));
    mkdirSync(at(`cache/${own}/bin`), { recursive: true });
    expect((await fetch()).file).toBe(file);
    expect(cached()).toEqual([own]);
  });

  test('waits for another process that fetches, and can be given up', async () => {
    writeTools(at('tools'));
    await fetch();
    const [own = ''] = cached();
    rmSync(at(`cache/${own}`), { recursive: true });
    const release = await takeLock(at(`cache/${own}.lock`), { waitMs: 0 });
    const [waits, givesUp] = [Promise.withResolvers<void>(), new AbortController()];
    const second = fetch({ onFetch: waits.resolve });
    const third = fetch({ signal: givesUp.signal, onFetch: () => givesUp.abort(new Error('Ctrl-C')) });
    await expect(third).rejects.toThrow();
    await waits.promise;
    expect(calls()).toHaveLength(2);
    release();
    expect(await second).toMatchObject({ version: '7.0.15' });
  });

  test('ends apt-get and leaves nothing behind when it is given up', async () => {
    writeTools(at('tools'), { update: `echo $$ >'${at('pid')}'; sleep 60` });
    const [givesUp, fetching] = [new AbortController(), Promise.withResolvers<void>()];
    const fetched = fetch({ signal: givesUp.signal, onFetch: fetching.resolve });
    await fetching.promise;
    await expect.poll(() => existsSync(at('pid')) && readFileSync(at('pid'), 'utf8')).toMatch(/\d+\n/);
    givesUp.abort(new Error('Ctrl-C'));
    await expect(fetched).rejects.toThrow('Ctrl-C');
    expect(() => process.kill(Number(readFileSync(at('pid'), 'utf8')), 0)).toThrow('ESRCH');
    expect(cached()).toEqual([]);
  });
});

describe('a fetch that fails says why and leaves nothing behind', () => {
  test.each([
    [
      'no network',
      { known: 'none', update: 'echo "W: Failed to fetch http://x/InRelease  Could not resolve \'x\'" >&2' },
      /^apt-get: Failed to fetch http:\/\/x\/InRelease {2}Could not resolve 'x'$/,
    ],
    ['neither Redis nor Valkey', { known: 'none' }, /^apt-get: .*Unable to locate package valkey-server/],
    [
      'no space',
      { update: 'echo "E: Write error - write (28: No space left on device)" >&2; exit 100', known: 'none' },
      /^apt-get: .*No space left on device/,
    ],
    [
      'a server that cannot run',
      { server: 'echo "libc.so.6: version GLIBC_2.99 not found" >&2; exit 1' },
      /^the fetched server cannot run: .*GLIBC_2.99/,
    ],
  ])('%s', async (_why, tools, reason) => {
    writeTools(at('tools'), tools);
    await expect(fetch()).rejects.toThrow(FetchError);
    await expect(fetch()).rejects.toThrow(reason);
    expect(cached()).toEqual([]);
  });

  test('a file where the cache should be', async () => {
    writeTools(at('tools'));
    writeFileSync(at('file'), '');
    await expect(fetch({ cache: at('file/cache') })).rejects.toThrow(/file is not a folder/);
    expect(calls()).toEqual([]);
  });
});

const hasTools = findPrograms(['apt-get', 'dpkg'], process.env.PATH).length === 2;

test('a real server is fetched with the real apt-get', { timeout: 180_000 }, async ({ skip }) => {
  skip(!hasTools, 'there is no apt-get and dpkg here');
  skip(process.env.FETCH_REDIS === 'off', 'FETCH_REDIS=off, or the test set-up could not fetch one');
  const { file, name, version } = await fetchServer({ path: process.env.PATH, cache: at('cache') });
  const { stdout } = await runProgram(file, ['--version'], { timeoutMs: 10_000 });
  expect(stdout).toContain(`v=${version}`);
  expect(name).toMatch(/^(redis|valkey)-server$/);
  expect(cached()).toHaveLength(1);
});
