import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { describe, expect, it } from 'vitest';
import { needs, startTestRedis, uniquePrefix } from '../src/index.ts';

describe('a Redis for tests', () => {
  it('serves, forgets on restart, names left-over keys and is gone after close', async () => {
    const server = await startTestRedis();
    const { pid } = server;
    const prefix = uniquePrefix();
    await server.admin.set(`${prefix}:a`, '1');
    await expect(server.assertNoKeys(prefix)).rejects.toThrow(`keys are left: ${prefix}:a`);
    await server.kill();
    expect(server.pid).toBeUndefined();
    await server.start();
    await expect(server.assertNoKeys(prefix)).resolves.toBeUndefined();
    await Promise.all([server.close(), server.close()]);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('keeps its data over a kill when it is asked to', async (context) => {
    await needs('persistence')(context);
    const server = await startTestRedis({ appendonly: true, appendfsync: 'always' });
    await server.admin.set('kept', 'yes');
    await server.kill();
    await server.start();
    expect(await server.admin.get('kept')).toBe('yes');
    await server.close();
  });

  it('can be a cluster of one node', async (context) => {
    await needs('cluster')(context);
    const server = await startTestRedis({ cluster: true });
    const redis = openRedis(server.url, { name: 'test', role: 'patient', onError: () => {} });
    await expect(redis.mset('a', '1', 'b', '2')).rejects.toThrow(/slot/i);
    await redis.set('{x}a', '1');
    expect(await redis.mget('{x}a', '{x}b')).toEqual(['1', null]);
    await closeRedis(redis);
    await server.close();
  });

  it('breaks off subscribers, or all others', async () => {
    const server = await startTestRedis();
    const open = (role: 'subscriber' | 'patient') =>
      openRedis(server.url, { name: 'test', role, onError: () => {} });
    const [subscriber, other] = [open('subscriber'), open('patient')];
    await subscriber.subscribe('news');
    await other.ping();
    const closed: string[] = [];
    subscriber.on('close', () => closed.push('subscriber'));
    other.on('close', () => closed.push('other'));
    let reconnected = once(subscriber, 'ready');
    await server.killClients('subscribers');
    await reconnected;
    expect(closed).toEqual(['subscriber']);
    reconnected = once(other, 'ready');
    await server.killClients('others');
    await reconnected;
    expect(closed).toEqual(['subscriber', 'other']);
    await Promise.all([subscriber, other].map(closeRedis));
    await server.close();
  });

  it('can be the embedded server', async () => {
    const server = await startTestRedis({ embedded: true });
    expect(server.kind).toBe('embedded');
    await server.admin.set('a', '1');
    expect(await server.admin.get('a')).toBe('1');
    await server.close();
  });
});
