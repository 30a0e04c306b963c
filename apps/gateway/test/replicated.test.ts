import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { completed, createRig, type Rig, takeJob } from './harness.ts';

const REPLICA_MS = 1_000;

let master: TestRedis;
let replica: TestRedis;
let rig: Rig;

beforeEach(async (context) => {
  await needs('replication')(context);
  [master, replica] = await Promise.all([startTestRedis(), startTestRedis()]);
  await master.admin.config('SET', 'repl-diskless-sync-delay', '0');
  await replica.admin.replicaof('127.0.0.1', master.port);
  await master.admin.set('synced', '1');
  await master.admin.wait(1, 0);
  rig = await createRig(master);
});
afterEach(async () => {
  signalReplica('SIGCONT');
  await rig?.close();
  await Promise.all([master?.close(), replica?.close()]);
});

function signalReplica(signal: 'SIGSTOP' | 'SIGCONT'): void {
  if (replica?.pid !== undefined) process.kill(replica.pid, signal);
}

test('where a replica must have the job, it has it when an execute is answered', async () => {
  const client = await rig.connect(await rig.gateway({ replicaMs: REPLICA_MS }));
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      client.request('execute', { prompt: `${i}`, idempotencyKey: `k${i}` }),
    ),
  );
  const keys = answers.map(({ result }) => rig.keys.record(result.jobId));
  expect(await replica.admin.exists(...keys)).toBe(keys.length);
});

test('without a replica an execute is unavailable, and repeated with its key it is the same job, run once', async () => {
  const gateway = await rig.gateway({ replicaMs: REPLICA_MS });
  const client = await rig.connect(gateway);
  const params = { prompt: 'x', idempotencyKey: 'k' };
  signalReplica('SIGSTOP');
  const { error } = await client.request('execute', params);
  expect(error).toMatchObject({ code: -32010, data: { code: 'unavailable', retryable: true } });
  expect(error.data.retryAfterMs).toBeGreaterThan(0);
  // Nobody may run what a failover would lose: it would run again when it is repeated.
  expect((await gateway.producer.depth()).waiting).toBe(0);
  // The job is there, and another gateway knows no more of replicas than this one.
  const other = await rig.connect(await rig.gateway({ replicaMs: REPLICA_MS }));
  expect((await other.request('execute', params)).error.data.code).toBe('unavailable');

  signalReplica('SIGCONT');
  const { result } = await other.request('execute', params);
  expect(result.created).toBe(false);
  expect(await replica.admin.exists(rig.keys.record(result.jobId))).toBe(1);
  expect((await gateway.producer.depth()).waiting).toBe(1);
  await (await takeJob(rig.log, result.jobId)).end(completed);
  await other.untilTerminal(result.jobId);
});

test('unless it is asked for, an execute waits for no replica', async () => {
  const client = await rig.connect(await rig.gateway());
  signalReplica('SIGSTOP');
  expect((await client.request('execute', { prompt: 'x' })).result.created).toBe(true);
});
