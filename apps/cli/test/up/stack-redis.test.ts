import { expect, test } from 'vitest';
import { planRedis } from '../../src/up/stack-redis.ts';

const where = { host: '127.0.0.1', port: 4711, folder: '/data', password: 'pw' };
const program = { name: 'valkey-server', file: '/bin/valkey-server', version: '8.1.1' };

test('an external Redis is not run, and its password not shown', () => {
  const url = 'redis://me:secret@redis.example:6380/2';
  const redis = planRedis({ kind: 'external', url, passedOver: [] }, where);
  expect(redis).toMatchObject({ kind: 'external', url, run: undefined });
  expect(redis.description).toContain('redis.example:6380');
  expect(redis.description).not.toContain('secret');
});

test('a server is run on its port with its data folder, and described by version and folder', () => {
  const { run, url, description } = planRedis({ kind: 'installed', program, passedOver: [] }, where);
  expect(url).toBe('redis://:pw@127.0.0.1:4711');
  expect(run?.args.join(' ')).not.toContain('pw');
  expect(run?.env).toEqual({ OWN_REDIS_PASSWORD: 'pw' });
  expect(run?.args).toEqual(expect.arrayContaining([program.file]));
  expect(run?.args.join(' ')).toMatch(/redis\.conf --port 4711 --bind 127\.0\.0\.1 --dir \/data$/);
  expect(description).toBe('redis://127.0.0.1:4711 (valkey-server 8.1.1; data in /data)');
});

test('a fetched one says so, and how to forbid it', () => {
  const { description } = planRedis({ kind: 'fetched', program, passedOver: [] }, where);
  expect(description).toContain('(valkey-server 8.1.1, fetched; FETCH_REDIS=off forbids it; data in /data)');
});

test('the embedded one says what that means', () => {
  const { run, url, description } = planRedis({ kind: 'embedded', passedOver: [] }, where);
  expect(url).toBe('redis://:pw@127.0.0.1:4711');
  expect(description).toMatch(/^redis:\/\/127\.0\.0\.1:4711 .*EMBEDDED.*slow.*nothing survives/);
  expect(run?.args).toEqual(['4711', '127.0.0.1']);
  expect(run?.env).toEqual({ OWN_REDIS_PASSWORD: 'pw' });
});

test('an address of version 6 stands in brackets', () => {
  const { url } = planRedis({ kind: 'embedded', passedOver: [] }, { ...where, host: '::1' });
  expect(url).toBe('redis://:pw@[::1]:4711');
});
