import { RedisUnavailableError } from '@cc-executor/redis';
import { expect, test, vi } from 'vitest';
import { createAbandonWatch } from '../src/chores/abandon-watch.ts';
import {
  completed,
  provideRig,
  type Rig,
  silent,
  TENANT,
  type TestGateway,
  takeJob,
  untilTrue,
} from './harness.ts';

/** Longer than Redis takes to hear that a gateway has unsubscribed: until then there is a listener. */
const GRACE_MS = 100;

let rig: Rig;

provideRig((made) => {
  rig = made;
});

async function statusOf(jobId: string) {
  return (await rig.log.get(TENANT, jobId))?.job.status;
}

/** Two jobs whose only client leaves: one that may be abandoned is cancelled, and shows that the grace is over. */
async function untilGraceIsOver(gateway: TestGateway): Promise<void> {
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await client.close();
  await untilTrue(async () => (await statusOf(result.jobId)) === 'cancelled');
}

test('a job that asked for it is cancelled when its only client has been gone for the grace', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: GRACE_MS });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  const watcher = await rig.connect(await rig.gateway());
  client.socket.terminate();
  await untilTrue(async () => (await statusOf(result.jobId)) === 'cancelled');
  await watcher.request('attach', { jobId: result.jobId });
  expect((await watcher.untilTerminal(result.jobId)).at(-1)).toMatchObject({ by: 'disconnect' });
});

test('a running job gets a cancel in the name of the disconnect', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: GRACE_MS });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  const attempt = await takeJob(rig.log, result.jobId);
  await client.close();
  await untilTrue(async () => (await rig.log.get(TENANT, result.jobId))?.job.cancelRequested === true);
  expect(await rig.log.renew(result.jobId, attempt.fence, 1_000)).toEqual({
    code: 'ok',
    cancelBy: 'disconnect',
    pauseWish: false,
  });
});

test('detaching counts as leaving', async () => {
  const client = await rig.connect(await rig.gateway({ abandonGraceMs: GRACE_MS }));
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await client.request('detach', { jobId: result.jobId });
  await untilTrue(async () => (await statusOf(result.jobId)) === 'cancelled');
});

test('a job that did not ask for it goes on without anybody', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: GRACE_MS });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x' });
  await client.close();
  await untilGraceIsOver(gateway);
  expect(await statusOf(result.jobId)).toBe('queued');
});

test('a client that comes back in time, on another gateway, saves its job; the last one to leave ends it', async () => {
  // In time, however busy the machine is.
  const abandonGraceMs = 10 * GRACE_MS;
  const [first, second] = await Promise.all([
    rig.gateway({ abandonGraceMs }),
    rig.gateway({ abandonGraceMs }),
  ]);
  const client = await rig.connect(first);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await client.close();
  const again = await rig.connect(second);
  await again.request('attach', { jobId: result.jobId });
  await untilGraceIsOver(first);
  expect(await statusOf(result.jobId)).toBe('queued');
  await again.close();
  await untilTrue(async () => (await statusOf(result.jobId)) === 'cancelled');
});

test('one of two clients may leave', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: GRACE_MS });
  const clients = await Promise.all([rig.connect(gateway), rig.connect(gateway)]);
  const { result } = await clients[0].request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await clients[1].request('attach', { jobId: result.jobId });
  await clients[0].close();
  await untilGraceIsOver(gateway);
  expect(await statusOf(result.jobId)).toBe('queued');
});

test('a client that is gone before its `execute` is answered has left its job, too', async () => {
  const reached = Promise.withResolvers<string>();
  const gone = Promise.withResolvers<void>();
  const gateway = await rig.gateway({
    abandonGraceMs: GRACE_MS,
    wrapLog: (log) => ({
      ...log,
      async range(tenant, jobId, stretch) {
        reached.resolve(jobId);
        await gone.promise;
        return log.range(tenant, jobId, stretch);
      },
    }),
  });
  const client = await rig.connect(gateway);
  client.send('{"jsonrpc":"2.0","method":"execute","params":{"prompt":"x","onDisconnect":"cancel"}}');
  const jobId = await reached.promise;
  client.socket.terminate();
  await untilTrue(() => gateway.connections() === 0);
  gone.resolve();
  await untilTrue(async () => (await statusOf(jobId)) === 'cancelled');
});

test('an abandoned job is seen to even if Redis does not answer at that moment', async () => {
  let failures = 0;
  const gateway = await rig.gateway({
    abandonGraceMs: GRACE_MS,
    wrapCount: (count) => async (jobId) => {
      failures += 1;
      if (failures < 3) throw new RedisUnavailableError('away', new Error('no connection'));
      return count(jobId);
    },
  });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await client.close();
  await untilTrue(async () => (await statusOf(result.jobId)) === 'cancelled');
  expect(failures).toBe(3);
});

test('a job that ended while its client listened is not looked at again', async () => {
  const asked: string[] = [];
  const gateway = await rig.gateway({
    abandonGraceMs: GRACE_MS,
    wrapLog: (log) => ({
      ...log,
      get(tenant, jobId) {
        asked.push(jobId);
        return log.get(tenant, jobId);
      },
    }),
  });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
  await takeJob(rig.log, result.jobId).then((attempt) => attempt.end(completed));
  await client.untilTerminal(result.jobId);
  await client.close();
  await untilGraceIsOver(gateway);
  expect(asked).not.toContain(result.jobId);
});

test('a closed watch starts nothing', () => {
  vi.useFakeTimers();
  try {
    const watch = createAbandonWatch({
      readLog: rig.log,
      wishLog: rig.log,
      countListeners: rig.countListeners,
      graceMs: 1,
      logger: silent,
    });
    for (const jobId of ['one', 'two']) watch.came(jobId);
    watch.left({ tenant: TENANT, jobId: 'one' }, 'gone');
    expect(vi.getTimerCount()).toBe(1);
    watch.close();
    watch.left({ tenant: TENANT, jobId: 'two' }, 'gone');
    expect(vi.getTimerCount()).toBe(0);
    watch.close();
  } finally {
    vi.useRealTimers();
  }
});
