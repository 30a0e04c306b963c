/**
 * Redis × outage × moment, and network × cut-off × moment: Redis comes back with its data, or a gateway or the workers
 * cannot reach it for less and for more than a lease. Each test is a row's cells in docs/reliability.md.
 */
import { createKeys } from '@cc-executor/job-log';
import { describeViolations, type FaultProxy, needs } from '@cc-executor/testing';
import { expect, test, vi } from 'vitest';
import { type Met, meetOutage, type Outage, startOutageStack, untilDone } from './all-moments.ts';
import { expectAsWithoutFault } from './fault-free.ts';
import { LEASE_MS } from './harness.ts';
import { shareFaultStack } from './shared-stack.ts';

const stack = shareFaultStack(() => startOutageStack({ appendonly: true }));

async function expectNoViolations(): Promise<void> {
  const { violations } = await stack().check();
  expect(describeViolations(violations)).toBe('');
}

/** Has the outage and expects that it left no trace in any job. */
async function expectUnharmed(outage: Outage): Promise<Met> {
  const met = await meetOutage(stack(), outage);
  await Promise.all(
    Object.values(met.jobs).map(({ jobId, prompt }) => expectAsWithoutFault(stack(), jobId, prompt)),
  );
  await expectNoViolations();
  return met;
}

/** Nothing gets through and nothing is lost, as when a route is gone for a while. */
function held(proxy: FaultProxy, lastsMs: number): Outage {
  return {
    name: `cut off for ${lastsMs} ms`,
    begin: () => proxy.set({ toTarget: { hold: true }, toClient: { hold: true } }),
    end: () => proxy.reset(),
    lastsMs,
  };
}

/** Every connection is reset, and so is every new one. */
function reset(proxy: FaultProxy, lastsMs: number): Outage {
  return {
    name: `connections reset for ${lastsMs} ms`,
    async begin() {
      await proxy.set({ refuse: 'reset' });
      proxy.cutAll('rst');
    },
    end: () => proxy.reset(),
    lastsMs,
  };
}

test('network · gateway-Redis held for less than a lease · b c d e g: every job ends as if nothing had been', async () => {
  await expectUnharmed(held(stack().proxies.gatewayRedis, LEASE_MS / 2));
});

test('network · gateway-Redis held for more than a lease · b c d e g: every job ends as if nothing had been', async () => {
  await expectUnharmed(held(stack().proxies.gatewayRedis, 3 * LEASE_MS));
});

test('network · gateway-Redis reset · b c d e g: every job ends as if nothing had been', async () => {
  await expectUnharmed(reset(stack().proxies.gatewayRedis, LEASE_MS));
});

test('network · worker-Redis held for less than a lease · b c d e g: every job ends as if nothing had been', async () => {
  await expectUnharmed(held(stack().proxies.workerRedis, LEASE_MS / 2));
});

test('network · worker-Redis reset · b c d e g: every job ends as if nothing had been', async () => {
  await expectUnharmed(reset(stack().proxies.workerRedis, LEASE_MS / 3));
});

for (const cut of [held, reset]) {
  test(
    cut === held
      ? 'network · worker-Redis held for more than a lease · b c d e g: what ran ends as worker_lost, what waited runs'
      : 'network · worker-Redis reset for more than a lease · b c d e g: what ran ends as worker_lost, what waited runs',
    async () => {
      const faults = stack();
      const { upstream, proxies, recorder } = faults;
      const client = await faults.client();
      const callsBefore = upstream.calls().length;
      const plans = {
        claimed: faults.plan({ chunks: 1, paceMs: 30_000 }),
        streaming: faults.plan({ chunks: 1_500 }),
        finishing: faults.plan({ paceMs: 0, ends: ['pause'] }),
        // Long enough to be under way when the outage begins, on a slow machine too.
        repeatable: faults.plan({ chunks: 200, paceMs: 40 }),
      };
      const execute = (prompt: string, retry: 'safe' | 'always' = 'safe') =>
        untilDone(() => client.execute({ prompt, retry }));
      const claimed = await execute(plans.claimed.prompt);
      const streaming = await execute(plans.streaming.prompt);
      const finishing = await execute(plans.finishing.prompt);
      const repeatable = await execute(plans.repeatable.prompt, 'always');
      await Promise.all([streaming, finishing, repeatable].map((jobId) => upstream.untilOutput(jobId)));
      await upstream.untilCalls(callsBefore + 4);
      const { prompt } = faults.plan();
      const queued = await execute(prompt);

      const outage = cut(proxies.workerRedis, 0);
      const over = recorder.fault(outage.name);
      await outage.begin();
      upstream.release();
      for (const jobId of [claimed, streaming, finishing]) {
        expect(await client.terminal(jobId)).toMatchObject({
          type: 'failed',
          error: { code: 'worker_lost' },
        });
      }
      // Its lease may be one renewal younger: an outage that ended before would be none for it.
      const record = createKeys('cce').record(repeatable);
      await vi.waitFor(
        async () => expect(await faults.redis.admin.hget(record, 'status')).toBe('queued'),
        4 * LEASE_MS,
      );
      const other = await faults.client(1);
      await untilDone(() => other.attach(streaming));
      expect(await other.terminal(streaming)).toEqual(await client.terminal(streaming));
      await outage.end();
      over();
      expect(await client.terminal(queued)).toMatchObject({ type: 'completed' });
      const repeated = await client.terminal(repeatable);
      expect(repeated.type).toBe('completed');
      // Each start and each loss counts. A machine that stands still for a lease makes one more pair of them.
      expect(repeated.attempt).toBeGreaterThanOrEqual(3);
      await upstream.untilIdle();
      const callsOf = (jobId: string) => upstream.calls().filter((call) => call.jobId === jobId);
      const ends = callsOf(repeatable).map(({ endedBy }) => endedBy);
      expect(ends.at(-1)).toBe('complete');
      expect(new Set(ends.slice(0, -1))).toEqual(new Set(['client-abort']));
      for (const jobId of [claimed, streaming]) {
        expect(callsOf(jobId).map(({ endedBy }) => endedBy)).toEqual(['client-abort']);
      }
      await expectAsWithoutFault(faults, queued, prompt);
      await expectNoViolations();
    },
  );
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
