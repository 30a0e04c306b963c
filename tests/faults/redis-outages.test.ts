/** Redis × outage × moment: the cells of the matrix in docs/reliability.md in which Redis comes back with its data. */
import { describeViolations, needs } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { type Met, meetOutage, type Outage, startOutageStack } from './all-moments.ts';
import { expectAsWithoutFault } from './fault-free.ts';
import { LEASE_MS } from './harness.ts';
import { shareFaultStack } from './shared-stack.ts';

const stack = shareFaultStack(() => startOutageStack({ appendonly: true }));

/** Has the outage and expects that it left no trace in any job. */
async function expectUnharmed(outage: Outage): Promise<Met> {
  const met = await meetOutage(stack(), outage);
  await Promise.all(
    Object.values(met.jobs).map(({ jobId, prompt }) => expectAsWithoutFault(stack(), jobId, prompt)),
  );
  const { violations } = await stack().check();
  expect(describeViolations(violations)).toBe('');
  return met;
}

function told({ client }: Met, method: string): boolean {
  return client.wire.messages.some((message) => message.method === method);
}

function paused(leases: number): Outage {
  return {
    name: `Redis paused for ${leases} leases`,
    begin: () => process.kill(stack().redis.pid as number, 'SIGSTOP'),
    end: () => process.kill(stack().redis.pid as number, 'SIGCONT'),
    lastsMs: leases * LEASE_MS,
  };
}

test('redis · kill and restart · a b c d e f g: with its data on disk every job ends as if nothing had been', async (context) => {
  await needs('persistence')(context);
  const { redis } = stack();
  // With `everysec` Redis answers before it has written, for up to two seconds, while an earlier fsync is under way.
  await redis.admin.config('SET', 'appendfsync', 'always');
  const met = await expectUnharmed({
    name: 'Redis killed and started again',
    begin: () => redis.kill(),
    end: () => redis.start(),
    lastsMs: LEASE_MS,
  });
  expect([told(met, 'degraded'), told(met, 'restored')]).toEqual([true, true]);
});

test('redis · paused for a lease · a b c d e f g: every job ends as if nothing had been', async () => {
  await expectUnharmed(paused(1));
});

test('redis · paused for three leases · a b c d e f g: lapsed leases are renewed, not swept', async () => {
  const met = await expectUnharmed(paused(3));
  expect([told(met, 'degraded'), told(met, 'restored')]).toEqual([true, true]);
});

test('redis · READONLY · a b c d e f g: writes are sent again until the master takes them', async (context) => {
  await needs('replication')(context);
  await expectUnharmed({
    name: 'Redis read-only',
    // Nobody listens there, so the data stay as they are.
    begin: () => stack().redis.admin.replicaof('127.0.0.1', '1'),
    end: () => stack().redis.admin.replicaof('NO', 'ONE'),
    lastsMs: LEASE_MS,
  });
});

test('redis · out of memory · a b c d e f g: writes are sent again until there is room', async (context) => {
  await needs('settings')(context);
  await expectUnharmed({
    name: 'Redis out of memory',
    begin: () => stack().redis.admin.config('SET', 'maxmemory', '1'),
    end: () => stack().redis.admin.config('SET', 'maxmemory', '0'),
    lastsMs: LEASE_MS,
  });
});

test('redis · pub/sub connection killed · a b c d e f g: what was not published to anybody is read from the log', async () => {
  await expectUnharmed({
    name: 'pub/sub connections killed',
    begin: () => stack().redis.killClients('subscribers'),
    end: () => undefined,
  });
});
