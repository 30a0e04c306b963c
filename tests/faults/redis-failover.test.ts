/**
 * Redis × failover × moment: the master is gone, and sentinels make a replica the master. Heartbeats, which would find
 * lost publications at last, are further away than the bound for last events.
 */
import {
  describeViolations,
  needs,
  startTestSentinels,
  type TestRedis,
  type TestSentinels,
} from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { meetOutage, type OutageStack, startOutageStack, untilDone } from './all-moments.ts';
import { expectAsWithoutFault } from './fault-free.ts';
import { type FaultStack, startFaultStack } from './harness.ts';

const SOON_MS = 3_000;
const LIMIT_MS = 120_000;
const CLIENTS = 12;
const env = { DURABILITY: 'replicated', GATEWAY_HEARTBEAT_MS: '30000' };

let sentinels: TestSentinels;
let faults: FaultStack;

beforeEach(async (context) => {
  await needs('replication')(context);
  sentinels = await startTestSentinels();
});
afterEach(async () => {
  await faults?.close();
  await sentinels?.close();
});

async function expectUnharmed(how: string, harm: (master: TestRedis) => unknown): Promise<void> {
  const stack: OutageStack = await startOutageStack({ sentinels, env });
  faults = stack;
  const old = await sentinels.master();
  const met = await meetOutage(stack, {
    name: `the master is ${how}`,
    begin: () => harm(old),
    end: () => sentinels.untilReplaced(old),
  });
  await Promise.all(
    Object.values(met.jobs).map(({ jobId, prompt }) => expectAsWithoutFault(faults, jobId, prompt)),
  );
  const { violations } = await faults.check({ terminalMs: SOON_MS });
  expect(describeViolations(violations)).toBe('');
}

test(
  'redis · failover · a b c d e f g: of a killed master; every job ends as if nothing had been, and soon',
  () => expectUnharmed('killed', (master) => master.kill()),
  LIMIT_MS,
);

test(
  'redis · failover · a b c d e f g: of a frozen master; every job ends as if nothing had been, and soon',
  () => expectUnharmed('frozen', ({ pid }) => process.kill(pid as number, 'SIGSTOP')),
  LIMIT_MS,
);

test(
  'what is acknowledged while the master is replaced is not lost, and what is repeated runs once',
  async () => {
    faults = await startFaultStack({ sentinels, gateways: 2, workers: 2, env });
    const { recorder } = faults;
    const old = await sentinels.master();
    let isOver = false;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => faults.client(i % 2)));
    // Each executes one job after another, so that some are always being accepted.
    const accepting = Promise.all(
      clients.map(async (client, i) => {
        for (let n = 0; !isOver; n += 1) {
          const { prompt } = faults.plan({ chunks: 2, paceMs: 5 });
          const params = { prompt, idempotencyKey: `${i} ${n}`, attach: false };
          const jobId = await untilDone(() => client.execute(params));
          await untilDone(() => client.attach(jobId));
          await client.terminal(jobId);
        }
      }),
    );
    const fault = async () => {
      await faults.upstream.untilCalls(5 * CLIENTS);
      const over = recorder.fault('the master is killed');
      await old.kill();
      await sentinels.untilReplaced(old);
      over();
      await faults.upstream.untilCalls(faults.upstream.calls().length + 5 * CLIENTS);
      isOver = true;
    };
    await Promise.all([accepting, fault()]);
    const { violations } = await faults.check({ terminalMs: SOON_MS });
    expect(describeViolations(violations)).toBe('');
  },
  LIMIT_MS,
);

test(
  'a job that no replica has is not acknowledged: the new master does not know it, and repeated it runs once',
  async () => {
    faults = await startFaultStack({ sentinels, env });
    const client = await faults.client();
    const old = await sentinels.master();
    const replicas = sentinels.servers.filter((server) => server !== old);
    const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
      for (const { pid } of replicas) process.kill(pid as number, name);
    };
    await client.terminal(await untilDone(() => client.execute({ prompt: faults.plan().prompt })));
    await sentinels.untilReplicated();
    signal('SIGSTOP');
    const { prompt } = faults.plan();
    const params = { prompt, idempotencyKey: 'repeated' };
    await expect(client.execute(params)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await old.kill();
    signal('SIGCONT');
    await sentinels.untilReplaced(old);
    const jobId = await untilDone(() => client.execute(params));
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
    const ran = faults.upstream.calls().length;
    expect(ran).toBe(2);
    const { violations } = await faults.check();
    expect(describeViolations(violations)).toBe('');
  },
  LIMIT_MS,
);
