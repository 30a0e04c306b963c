import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chooseRedis } from '../src/index.ts';
import { versionScript, writeProgram, writeTools } from './fakes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce-choice-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

function choose(path: string[], options: { redisUrl?: string; mayFetch?: boolean } = {}) {
  return chooseRedis({ mayFetch: false, ...options, path: path.map(at).join(delimiter), cache: at('cache') });
}

describe('the choice of a Redis', () => {
  test('takes REDIS_URL before anything else', async () => {
    writeProgram(at('bin'), 'redis-server', versionScript('7.2.4'));
    expect(await choose(['bin'], { redisUrl: 'redis://there' })).toEqual({
      kind: 'external',
      url: 'redis://there',
      passedOver: [],
    });
  });

  test('takes redis-server from anywhere on PATH, before valkey-server, with its version', async () => {
    mkdirSync(at('empty'));
    writeProgram(at('a'), 'valkey-server', versionScript('8.1.1', 'Valkey'));
    const file = writeProgram(at('b'), 'redis-server', versionScript('7.2.4'));
    expect(await choose(['empty', 'missing', 'a', 'b'], { mayFetch: true })).toEqual({
      kind: 'installed',
      program: { name: 'redis-server', file, version: '7.2.4' },
      passedOver: [],
    });
  });

  test('takes valkey-server when there is no redis-server', async () => {
    writeProgram(at('a'), 'valkey-server', versionScript('8.1.1', 'Valkey'));
    expect(await choose(['a'])).toMatchObject({
      kind: 'installed',
      program: { name: 'valkey-server', version: '8.1.1' },
    });
  });

  test('fetches one where none is installed', async () => {
    writeTools(at('tools'));
    expect(await choose(['tools'], { mayFetch: true })).toMatchObject({
      kind: 'fetched',
      program: { name: 'redis-server', version: '7.0.15' },
      passedOver: ['there is no redis-server or valkey-server on PATH'],
    });
  });

  test('neither fetches nor uses a fetched one when that is forbidden', async () => {
    writeTools(at('tools'));
    await choose(['tools'], { mayFetch: true });
    expect(await choose(['tools'])).toEqual({
      kind: 'embedded',
      passedOver: ['there is no redis-server or valkey-server on PATH', 'none may be fetched (FETCH_REDIS)'],
    });
  });

  test('takes the embedded one where nothing else can be had, and says why', async () => {
    mkdirSync(at('empty'));
    expect(await choose(['empty'], { mayFetch: true })).toEqual({
      kind: 'embedded',
      passedOver: [
        'there is no redis-server or valkey-server on PATH',
        'none could be fetched: there is no apt-get here to fetch one with',
      ],
    });
  });

  test('overlooks files that may not be run, and folders', async () => {
    writeProgram(at('a'), 'redis-server', versionScript('7.2.4'), 0o644);
    mkdirSync(join(at('b'), 'redis-server'), { recursive: true });
    expect((await choose(['a', 'b'])).passedOver[0]).toBe(
      'there is no redis-server or valkey-server on PATH',
    );
  });
});

describe('a server on PATH that cannot run is named, with the reason, and the next one taken', () => {
  test.each([
    [
      'a library is missing',
      '#!/bin/sh\necho "libx.so.1: cannot open shared object file" >&2; exit 127\n',
      'libx.so.1',
    ],
    ['its interpreter is missing', '#!/does/not/exist\n', 'ENOENT'],
    [
      'it is for another machine',
      Buffer.from('\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x16\0', 'latin1'),
      'another kind of machine',
    ],
    ['it is no Redis', '#!/bin/sh\necho hello\n', "not a Redis server's answer"],
    ['it breaks', '#!/bin/sh\nkill -SEGV $$\n', 'SIGSEGV'],
  ])('%s', async (_why, content, reason) => {
    const broken = join(at('broken'), 'redis-server');
    mkdirSync(at('broken'));
    writeFileSync(broken, content, { mode: 0o755 });
    expect((await choose(['broken'])).passedOver[0]).toMatch(
      new RegExp(`^${broken} cannot run: .*${reason}`),
    );
    expect((await choose(['broken'])).kind).toBe('embedded');
    writeProgram(at('good'), 'redis-server', versionScript('7.2.4'));
    expect(await choose(['broken', 'good'])).toMatchObject({
      kind: 'installed',
      program: { file: join(at('good'), 'redis-server') },
      passedOver: [expect.stringContaining(broken)],
    });
  });
});
