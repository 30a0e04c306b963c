/** What gateway and worker do about a Redis that may lose jobs. */
import { fileURLToPath } from 'node:url';
import { needs, type Stack, startStack, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';

let lossy: TestRedis;
let stack: Stack;

beforeAll(async () => {
  lossy = await startTestRedis();
  stack = await startStack({ redis: lossy });
});
afterAll(async () => {
  await stack.close();
  await lossy.close();
});

describe('a Redis without an append-only file', () => {
  it.each(['gateway', 'worker'] as const)('makes a %s warn once, saying what to set', async (app) => {
    const service = app === 'gateway' ? stack.gateways[0] : stack.workers[0];
    const line = await service?.untilLog(({ event }) => event === 'durability_faulty');
    expect(line).toMatchObject({
      level: 'warn',
      faults: [expect.stringContaining('set appendonly yes and appendfsync everysec')],
    });
  });

  it.each(['gateway', 'worker'])('is refused by a strict %s, naming each fault', async (app) => {
    if (lossy.kind === 'redis') await lossy.admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const child = runNode([fileURLToPath(new URL(`../../apps/${app}/src/main.ts`, import.meta.url))], {
      env: {
        REDIS_URL: lossy.url,
        STRICT_DURABILITY: 'true',
        GATEWAY_PORT: '0',
        WORKER_HEALTH_PORT: '0',
      },
    });
    const ended = await child.ended;
    if (lossy.kind === 'redis') await lossy.admin.config('SET', 'maxmemory-policy', 'noeviction');
    expect(ended).toEqual({ code: 78, signal: null });
    expect(child.stderr()).toContain('STRICT_DURABILITY is true, but Redis does not fit: appendonly is off');
    if (lossy.kind === 'redis') expect(child.stderr()).toContain('set maxmemory-policy noeviction');
  });
});

describe('a Redis that keeps what it acknowledges', () => {
  it('is accepted when durability is strict, and looked at again after a restart', async (context) => {
    await needs('persistence', 'settings')(context);
    const sound = await startTestRedis({ appendonly: true });
    onTestFinished(() => sound.close());
    const strict = await startStack({ redis: sound, env: { STRICT_DURABILITY: 'true' } });
    onTestFinished(() => strict.close());
    const [gateway] = strict.gateways;
    expect(gateway?.logs().map(({ event }) => event)).not.toContain('durability_faulty');
    await sound.admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await sound.killClients('others');
    const line = await gateway?.untilLog(({ event }) => event === 'durability_faulty');
    expect(line?.faults).toEqual([expect.stringContaining('maxmemory-policy is allkeys-lru')]);
    const url = strict.url().replace('ws:', 'http:').replace(/\/ws$/, '/ready');
    expect((await fetch(url)).status).toBe(503);
  });
});
