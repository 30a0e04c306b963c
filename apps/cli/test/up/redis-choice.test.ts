import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chooseRedis } from '../../src/up/redis-choice.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cce-path-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function pathFolder(name: string, programs: readonly string[], mode = 0o755): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const program of programs) {
    writeFileSync(join(path, program), '');
    chmodSync(join(path, program), mode);
  }
  return path;
}

function choose(path: string, redisUrl?: string) {
  return chooseRedis({ redisUrl, path, port: 4711, folder: join(folder, 'data') });
}

describe('chooseRedis', () => {
  test('takes REDIS_URL before anything installed, and shows no password', () => {
    const choice = choose(pathFolder('bin', ['redis-server']), 'redis://me:secret@redis.example:6380/2');
    expect(choice).toMatchObject({
      kind: 'external',
      url: 'redis://me:secret@redis.example:6380/2',
      run: undefined,
    });
    expect(choice.description).toContain('redis.example:6380');
    expect(choice.description).not.toContain('secret');
  });

  test('finds redis-server anywhere on PATH, before valkey-server', () => {
    const path = [
      pathFolder('empty', []),
      pathFolder('a', ['valkey-server']),
      pathFolder('b', ['redis-server']),
    ];
    const choice = choose(path.join(delimiter));
    expect(choice.kind).toBe('server');
    expect(choice.run?.args).toContain(join(folder, 'b', 'redis-server'));
    expect(choice.url).toBe('redis://127.0.0.1:4711');
  });

  test('finds valkey-server when there is no redis-server', () => {
    const choice = choose(pathFolder('a', ['valkey-server']));
    expect(choice.run?.args).toContain(join(folder, 'a', 'valkey-server'));
    expect(choice.description).toContain('valkey-server');
  });

  test('starts a server that keeps every job: append-only file, no eviction, loopback', () => {
    const line = choose(pathFolder('a', ['redis-server'])).run?.args.join(' ');
    expect(line).toContain(
      '--port 4711 --bind 127.0.0.1 ' +
        `--dir ${join(folder, 'data')} --appendonly yes --appendfsync everysec ` +
        '--maxmemory-policy noeviction --save ',
    );
  });

  test('falls back to the embedded one, and says what that means', () => {
    const choice = choose(pathFolder('a', ['redis-cli']));
    expect(choice.kind).toBe('embedded');
    expect(choice.description).toMatch(/EMBEDDED.*slow.*nothing survives/);
    expect(choice.run?.args).toEqual(['4711']);
  });

  test('overlooks files that cannot be run, and folders', () => {
    const notExecutable = pathFolder('a', ['redis-server'], 0o644);
    const holdsFolder = join(folder, 'b');
    mkdirSync(join(holdsFolder, 'redis-server'), { recursive: true });
    expect(choose([notExecutable, holdsFolder].join(delimiter)).kind).toBe('embedded');
  });
});
