import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { completed, createRig, output, type Rig, type TestGateway, takeJob, untilTrue } from './harness.ts';

let server: TestRedis;
let rig: Rig;

// A server of its own for each test: it is killed and paused.
beforeEach(async () => {
  server = await startTestRedis({ appendonly: true, appendfsync: 'always' });
  rig = await createRig(server);
});
afterEach(async () => {
  await rig.close();
  await server.close();
});

/** Resolves when the gateway has Redis again. */
function untilRestored(gateway: TestGateway): Promise<void> {
  return untilTrue(() => gateway.redis.status === 'ready');
}

test('without Redis every request is answered at once as unavailable, and all is well when it is back', async (context) => {
  await needs('persistence')(context);
  const gateway = await rig.gateway({ heartbeatMs: 100, quotas: { requests: 20 } });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x' });
  const { jobId } = result;
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write(output('before'));
  const unattached = await rig.createJob();
  await client.until(({ params }) => params?.text === 'before');
  await server.kill();
  await untilTrue(() => gateway.redis.status !== 'ready');

  const startedAt = performance.now();
  const answers = await Promise.all([
    client.request('execute', { prompt: 'y' }),
    client.request('execute', { prompt: 'y', idempotencyKey: 'k' }),
    client.request('attach', { jobId: unattached }),
    client.request('cancel', { jobId }),
    client.request('get', { jobId }),
    client.request('list'),
  ]);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  for (const { error } of answers) {
    expect(error).toMatchObject({ code: -32010, data: { code: 'unavailable', retryable: true } });
    expect(error.data.retryAfterMs).toBeGreaterThan(0);
  }
  // What needs no Redis is done, also where Redis counts requests.
  expect((await client.request('detach', { jobId: unattached })).result).toEqual({});
  // The connection is not to blame: it gets its heartbeats.
  const beats = () => client.messages.filter(({ method }) => method === 'heartbeat').length;
  const before = beats();
  await client.until(() => beats() > before + 1);

  await server.start();
  await untilRestored(gateway);
  await attempt.write(output('after'));
  await attempt.end(completed);
  const events = await client.untilTerminal(jobId);
  expect(events.map(({ type }) => type)).toEqual(['queued', 'output', 'output', 'completed']);
  const again = await client.request('execute', { prompt: 'y', idempotencyKey: 'k' });
  expect(again.result.created).toBe(true);
  expect((await client.request('attach', { jobId: unattached })).result.lastSeq).toBe(1);
});

test('who is connected is told once that Redis is away, and once that it is back; who connects meanwhile, too', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  await server.kill();
  const degraded = await client.until(({ method }) => method === 'degraded');
  expect(degraded.params).toEqual({ reason: expect.any(String) });
  const late = await rig.connect(gateway);
  await late.until(({ method }) => method === 'degraded');
  const heartbeats = () => client.messages.filter(({ method }) => method === 'heartbeat');
  const before = heartbeats().length;
  await client.until(() => heartbeats().length > before + 1);
  expect(heartbeats().at(-1)?.params).toEqual({ jobs: [] });
  await server.start();
  await Promise.all([client, late].map((each) => each.until(({ method }) => method === 'restored')));
  for (const each of [client, late]) {
    const told = each.messages.flatMap(({ method }) =>
      method === 'degraded' || method === 'restored' ? [method] : [],
    );
    expect(told).toEqual(['degraded', 'restored']);
  }
});

test('the prototype’s client gets an error, and may try again', async () => {
  const gateway = await rig.gateway();
  const client = await rig.dialect(gateway);
  await server.kill();
  await untilTrue(() => gateway.redis.status !== 'ready');
  client.send('{"jsonrpc":"2.0","method":"execute","params":{"command":"x"}}');
  const refused = await client.until(({ error }) => error);
  expect(refused).toMatchObject({ id: null, error: { code: -32000 } });
  await server.start();
  await untilRestored(gateway);
  const answer = await client.request('execute', { command: 'x' });
  expect(answer.result.status).toBe('started');
});

test('a Redis that stands still is unavailable within the time limit of a command', async () => {
  const gateway = await rig.gateway({ commandTimeoutMs: 200 });
  const client = await rig.connect(gateway);
  const jobId = await rig.createJob();
  if (server.pid === undefined) throw new Error('there is no server');
  process.kill(server.pid, 'SIGSTOP');
  try {
    const answers = await Promise.all([
      client.request('execute', { prompt: 'x' }),
      client.request('attach', { jobId }),
      client.request('get', { jobId }),
    ]);
    for (const { error } of answers) expect(error.data.code).toBe('unavailable');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  // A connection that had a time-out is as good as before, once Redis answers within the limit again.
  await expect.poll(async () => (await client.request('attach', { jobId })).result).toMatchObject({ jobId });
  await expect
    .poll(async () => (await client.request('execute', { prompt: 'x' })).result)
    .toMatchObject({ created: true });
});

test('a wiped Redis is said: job_lost to who listened, job_not_found to who comes', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 100 });
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x' });
  await client.until(({ method }) => method === 'event');
  await server.admin.flushall();
  const lost = await client.until(({ method }) => method === 'job_lost');
  expect(lost.params).toMatchObject({ jobId: result.jobId, lastSeq: 1 });
  const again = await client.request('attach', { jobId: result.jobId, afterSeq: 1 });
  expect(again.error.data.code).toBe('job_not_found');
});

test('a full Redis refuses an execute, and nothing of the job goes on', async (context) => {
  await needs('settings')(context);
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  await server.admin.config('SET', 'maxmemory', '1');
  const { error } = await client.request('execute', { prompt: 'x' });
  expect(error.data.code).toBe('unavailable');
  await server.admin.config('SET', 'maxmemory', '0');
  expect((await client.request('list')).result.jobs).toEqual([]);
});
