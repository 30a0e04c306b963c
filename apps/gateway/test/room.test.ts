/** What clients of a gateway meet when its Redis has no room: memory, then disk. */
import { rm } from 'node:fs/promises';
import { createJobId } from '@cc-executor/protocol';
import { needs, startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { completed, createRig, output, type Rig, TENANT, takeJob } from './harness.ts';

let server: TestRedis;
let rig: Rig;

beforeEach(async (context) => {
  await needs('settings')(context);
  server = await startTestRedis();
  // So much that buffers do not matter beside it.
  await server.admin.setrange('ballast', 20_000_000, 'x');
  rig = await createRig(server);
});
afterEach(async () => {
  await server?.admin.config('SET', 'maxmemory', '0');
  await rig?.close();
  await server?.close();
});

/** Sets the limit so that so much of it is used, about. */
async function use(percent: number): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(await server.admin.info('memory'))?.[1]);
  await server.admin.config('SET', 'maxmemory', Math.round((used * 100) / percent));
}

async function loseDisk(): Promise<void> {
  const [, folder = ''] = (await server.admin.config('GET', 'dir')) as string[];
  await rm(folder, { recursive: true });
  await server.admin.config('SET', 'save', '3600 1');
  await server.admin.call('BGSAVE');
  while (!(await server.admin.info('persistence')).includes('rdb_last_bgsave_status:err'));
}

function told(client: WireClient): [string, string | undefined][] {
  return client.messages.flatMap(({ method, params }) =>
    method === 'degraded' || method === 'restored' ? [[method, params.reason]] : [],
  );
}

async function execute(client: WireClient, params = {}): Promise<string> {
  const { result } = await client.request('execute', { prompt: 'x', ...params });
  return result.jobId;
}

describe('while Redis is nearly full', () => {
  test('new jobs are refused, and everything else goes on: there is room for the ends of what was accepted', async () => {
    const gateway = await rig.gateway();
    const client = await rig.connect(gateway);
    const running = await execute(client);
    const attempt = await takeJob(rig.log, running);
    const queued = await execute(client);
    await use(95);
    await client.until(({ method }) => method === 'degraded');

    for (const params of [{ prompt: 'y' }, { prompt: 'y', idempotencyKey: 'k' }]) {
      const { error } = await client.request('execute', params);
      expect(error).toMatchObject({
        code: -32010,
        message: expect.stringMatching(/^Redis is full/),
        data: { code: 'unavailable', retryable: true, retryAfterMs: 10_000 },
      });
    }
    const { result: listed } = await client.request('list');
    expect(listed.jobs).toHaveLength(2);
    await attempt.write(output('still taken'));
    expect((await client.request('cancel', { jobId: queued })).result.accepted).toBe(true);
    expect(await attempt.end(completed)).toBe('ok');
    expect((await client.untilTerminal(running)).at(-1)?.type).toBe('completed');
    expect((await client.untilTerminal(queued)).at(-1)?.type).toBe('cancelled');

    await use(50);
    await client.until(({ method }) => method === 'restored');
    expect(told(client)).toEqual([
      ['degraded', 'Redis is full'],
      ['restored', undefined],
    ]);
    expect((await client.request('execute', { prompt: 'y', idempotencyKey: 'k' })).result.created).toBe(true);
  });

  test('who connects then is told, and the prototype’s client gets an error', async () => {
    const gateway = await rig.gateway();
    const early = await rig.connect(gateway);
    await use(95);
    await early.until(({ method }) => method === 'degraded');
    const late = await rig.connect(gateway);
    await late.until(({ method }) => method === 'degraded');
    const old = await rig.dialect(gateway);
    old.send('{"jsonrpc":"2.0","id":1,"method":"execute","params":{"command":"x"}}');
    expect((await old.until(({ id }) => id === 1)).error).toMatchObject({ code: -32000 });
  });
});

test('while too few replicas follow Redis, new jobs are refused, and clients are told what is wrong', async (context) => {
  await needs('replication')(context);
  const client = await rig.connect(await rig.gateway());
  const unwatched = await rig.connect(await rig.gateway({ roomWatch: blind() }));
  await server.admin.config('SET', 'min-replicas-to-write', '1');
  await client.until(({ method }) => method === 'degraded');
  for (const one of [client, unwatched]) {
    expect((await one.request('execute', { prompt: 'x', idempotencyKey: 'k' })).error).toMatchObject({
      message: expect.stringMatching(/^Too few replicas follow Redis/),
      data: { code: 'unavailable', retryable: true, retryAfterMs: 1_000 },
    });
  }
  await server.admin.config('SET', 'min-replicas-to-write', '0');
  await client.until(({ method }) => method === 'restored');
  expect(told(client)).toEqual([
    ['degraded', 'Redis takes no writes: too few replicas follow it'],
    ['restored', undefined],
  ]);
  expect(await execute(client, { idempotencyKey: 'k' })).toBe(
    await execute(unwatched, { idempotencyKey: 'k' }),
  );
});

describe('while Redis is full', () => {
  test('a job that was refused there leaves nothing, and the same key may ask again', async () => {
    const gateway = await rig.gateway({ roomWatch: blind() });
    const client = await rig.connect(gateway);
    await server.admin.config('SET', 'maxmemory', '1');
    const { error } = await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Redis is full/),
      data: { code: 'unavailable', retryAfterMs: 10_000 },
    });
    await server.admin.config('SET', 'maxmemory', '0');
    const { result } = await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    expect(result.created).toBe(true);
    expect((await client.request('list')).result.jobs).toHaveLength(1);
  });

  test('every listener gets the end, at whichever gateway, and so does who attaches then', async () => {
    const [first, second] = [await rig.gateway(), await rig.gateway()];
    const client = await rig.connect(first);
    const other = await rig.connect(second);
    const jobId = await execute(client);
    const attempt = await takeJob(rig.log, jobId);
    await other.request('attach', { jobId });
    await server.admin.config('SET', 'maxmemory', '1');
    expect(await attempt.end(completed)).toBe('ok');
    for (const each of [client, other]) {
      expect((await each.untilTerminal(jobId)).at(-1)?.type).toBe('completed');
    }
    const late = await rig.connect(second);
    await late.request('attach', { jobId });
    expect((await late.untilTerminal(jobId)).map(({ type }) => type)).toEqual(['queued', 'completed']);
  });
});

test('a Redis whose disk is full is named as such, and can be read', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await execute(client);
  await loseDisk();
  await client.until(({ method }) => method === 'degraded');
  const { error } = await client.request('execute', { prompt: 'y' });
  expect(error).toMatchObject({
    message: expect.stringMatching(/disk is full/),
    data: { code: 'unavailable', retryAfterMs: 10_000 },
  });
  expect((await client.request('cancel', { jobId })).error.message).toMatch(/disk is full/);
  expect((await client.request('get', { jobId })).result.status).toBe('queued');
  // As if there were room on the disk.
  await server.admin.config('SET', 'save', '');
  await client.until(({ method }) => method === 'restored');
  expect(told(client)).toEqual([
    ['degraded', 'Redis cannot write: its disk is full'],
    ['restored', undefined],
  ]);
  expect((await client.request('cancel', { jobId })).result.accepted).toBe(true);
});

test('all that only looks is answered by a Redis that takes no writes, also where it would tidy up', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const jobId = await execute(client, { attach: false });
  const batch = await fetch(`http://127.0.0.1:${gateway.port}/v1/batches`, {
    method: 'POST',
    headers: { 'idempotency-key': 'k', 'content-type': 'application/x-ndjson' },
    body: '{"prompt":"x"}\n{"prompt":"y"}\n',
  });
  const { batchId } = await batch.json();
  const { result } = await client.request('batchResults', { batchId });
  await client.request('cancel', { jobId: result.results[0].jobId });
  // One whose record has expired long ago.
  await server.admin.zadd(rig.keys.jobs(TENANT), 1, createJobId());
  const before = await client.request('getBatch', { batchId });
  await client.request('cancel', { jobId: result.results[1].jobId });
  await loseDisk();
  await client.until(({ method }) => method === 'degraded');
  const looks = { ...{ me: {}, list: {}, count: {}, get: { jobId }, attach: { jobId } } };
  for (const [method, params] of Object.entries({
    ...looks,
    ...{ verify: { jobId }, eventBody: { jobId, seq: 1 }, batchResults: { batchId } },
  })) {
    const { error } = await client.request(method, params);
    expect(error?.data.code ?? 'answered', method).toMatch(/^(answered|body_not_found)$/);
  }
  expect(before.result.counts).toMatchObject({ cancelled: 1, queued: 1 });
  // What was looked at a moment ago is told again.
  await vi.waitFor(async () => {
    const again = await client.request('getBatch', { batchId });
    expect(again.result?.counts).toMatchObject({ cancelled: 2, queued: 0 });
  });
  for (const method of ['pause', 'resume', 'rerun'] as const)
    expect((await client.request(method, { jobId })).error.data.code, method).toBe('unavailable');
});

/** Of a gateway that has not looked yet. */
function blind() {
  return {
    room: () => 'enough' as const,
    memory: () => undefined,
    onChange: () => () => undefined,
    look: async () => undefined,
    close: () => undefined,
  };
}
