import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  closeRedis,
  createReplication,
  openRedis,
  type RedisConnection,
  RedisUnavailableError,
  type Replication,
} from '../src/index.ts';

const BOUND_MS = 1_000;

let master: TestRedis;
let replica: TestRedis;
let redis: RedisConnection;
let replication: Replication;

beforeEach(async (context) => {
  await needs('replication')(context);
  [master, replica] = await Promise.all([startTestRedis(), startTestRedis()]);
  await master.admin.config('SET', 'repl-diskless-sync-delay', '0');
  await replica.admin.replicaof('127.0.0.1', master.port);
  await master.admin.set('synced', '1');
  await master.admin.wait(1, 0);
  redis = openRedis(master.url, { name: 'test', role: 'impatient', onError: () => {} });
  await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  replication = createReplication({ redis, key: 'replicated', boundMs: BOUND_MS });
});
afterEach(async () => {
  if (redis) await closeRedis(redis);
  signalReplica('SIGCONT');
  await Promise.all([master?.close(), replica?.close()]);
});

function signalReplica(signal: 'SIGSTOP' | 'SIGCONT'): void {
  if (replica?.pid !== undefined) process.kill(replica.pid, signal);
}

async function write(key: string): Promise<void> {
  const confirmed = replication.begin();
  await redis.set(key, '1');
  await confirmed();
}

describe('a write that is to be on a replica', () => {
  it('is there when it is confirmed; many that are written together share a WAIT', async () => {
    await master.admin.config('RESETSTAT');
    const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map(write));
    expect(await replica.admin.exists(...keys)).toBe(keys.length);
    const [, calls] = /cmdstat_wait:calls=(\d+)/.exec(String(await master.admin.info('commandstats'))) ?? [];
    expect(Number(calls)).toBeLessThan(10);
  });

  it('is not confirmed while no replica answers, and is soon after', async () => {
    signalReplica('SIGSTOP');
    const before = performance.now();
    await expect(write('a')).rejects.toThrow(RedisUnavailableError);
    expect(performance.now() - before).toBeLessThan(2 * BOUND_MS);
    signalReplica('SIGCONT');
    await write('b');
    expect(await replica.admin.mget('a', 'b')).toEqual(['1', '1']);
  });

  it('is not confirmed because this connection wrote something else before', async () => {
    await write('a');
    signalReplica('SIGSTOP');
    await master.admin.set('of another connection', '1');
    const confirmed = replication.begin();
    expect(await redis.get('of another connection')).toBe('1');
    await expect(confirmed()).rejects.toThrow(RedisUnavailableError);
  });

  it('is not confirmed by another connection than the one that it was written on', async () => {
    const confirmed = replication.begin();
    await redis.set('a', '1');
    const back = new Promise<void>((resolve) => redis.once('ready', () => resolve()));
    await master.killClients('others');
    await back;
    await expect(confirmed()).rejects.toThrow('the connection broke');
    await write('b');
  });
});
