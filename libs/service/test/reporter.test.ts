import { spawnSync } from 'node:child_process';
import { createRegistry, type ServiceReport } from '@cc-executor/fleet';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { startTestRedis, type TestRedis, uniquePrefix } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startReporter } from '../src/reporter.ts';

const NOW = 1_800_000_000_000;
let server: TestRedis;
let redis: RedisConnection;

beforeAll(async () => {
  server = await startTestRedis();
  redis = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
});
afterAll(async () => {
  await closeRedis(redis);
  await server.close();
});

function report(id: string): ServiceReport {
  return {
    id,
    role: 'worker',
    version: '1.2.3',
    at: NOW,
    everyMs: 10_000,
    status: 'ok',
    checks: {},
    system: { host: 'h', pid: 1, node: '26.0.0', time: NOW, memory: { freeBytes: 1, totalBytes: 2 } },
    redis: { address: 'redis://h:6379', ok: true },
    settings: {},
  };
}

describe('a reporter', () => {
  it('takes out what dead processes of its role and host left, and nothing else', async () => {
    const registry = createRegistry({ redis, keyPrefix: uniquePrefix() });
    const { pid: dead } = spawnSync(process.execPath, ['--version']);
    const of = (id: string, pid: number, changes: Partial<ServiceReport> = {}, host = 'h') =>
      registry.write({ ...report(id), system: { ...report(id).system, pid, host }, ...changes });
    await of('dead', dead);
    await of('alive', process.pid);
    await of('of another role', dead, { role: 'gateway' });
    await of('of another host', dead, {}, 'g');
    const reporter = startReporter({
      registry,
      self: { id: 'new', describe: async () => report('new') },
      everyMs: 60_000,
      onError: (error) => expect.unreachable(String(error)),
    });
    await vi.waitUntil(async () => !(await registry.list(NOW)).some(({ id }) => id === 'dead'));
    const rest = (await registry.list(NOW)).map(({ id }) => id).sort();
    expect(rest).toEqual(['alive', 'new', 'of another host', 'of another role']);
    await reporter.close();
  });

  it('writes at once and again, and takes its report out at the end', async () => {
    const keyPrefix = uniquePrefix();
    const registry = createRegistry({ redis, keyPrefix });
    let described = 0;
    const twice = Promise.withResolvers<void>();
    const reporter = startReporter({
      registry,
      self: {
        id: 'a',
        async describe() {
          described += 1;
          if (described === 3) twice.resolve();
          return report('a');
        },
      },
      everyMs: 20,
      onError: twice.reject,
    });
    await twice.promise;
    expect(await registry.list(NOW)).toHaveLength(1);
    await Promise.all([reporter.close(), reporter.close()]);
    await server.assertNoKeys(keyPrefix);
  });

  it('tells of a report that could not be written, and closes although Redis does not answer', async () => {
    const failed = Promise.withResolvers<unknown>();
    const hanging = new Promise<never>(() => {});
    const reporter = startReporter({
      registry: {
        write: () => Promise.reject(new Error('away')),
        remove: () => hanging,
        list: () => hanging,
      },
      self: { id: 'a', describe: async () => report('a') },
      everyMs: 60_000,
      onError: failed.resolve,
    });
    expect(await failed.promise).toMatchObject({ message: 'away' });
    await reporter.close();
  });
});
