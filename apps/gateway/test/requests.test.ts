import { createJobId, MAX_ATTACHMENTS, MAX_FRAME_BYTES, methods } from '@cc-executor/protocol';
import { needs, startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  completed,
  createRig,
  noCeilings,
  output,
  type Rig,
  TENANT,
  type TestGateway,
  takeJob,
} from './harness.ts';

let server: TestRedis;
let rig: Rig;
let gateway: TestGateway;
let client: WireClient;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway();
  client = await rig.connect(gateway);
});
afterEach(() => rig.close());

async function errorOf(method: string, params?: unknown) {
  const { error } = await client.request(method, params);
  return error;
}

test('the first message is `connected`, with the limits', () => {
  expect(client.messages[0]).toEqual({
    jsonrpc: '2.0',
    method: 'connected',
    params: {
      connectionId: expect.stringMatching(/^conn_/),
      version: '1',
      heartbeatMs: 60_000,
      limits: { maxFrameBytes: MAX_FRAME_BYTES, maxAttachments: MAX_ATTACHMENTS, ceilings: noCeilings },
    },
  });
  expect(client.socket.protocol).toBe('cc-executor.v1');
});

describe('execute', () => {
  test('is answered before the first event, and the job stands in record and queue', async () => {
    const { result } = await client.request('execute', { prompt: 'hi', metadata: { a: 1 } });
    expect(methods.execute.result.parse(result)).toMatchObject({ status: 'queued', created: true });
    const first = await client.until(({ method }) => method === 'event');
    expect(first.params).toMatchObject({ jobId: result.jobId, epoch: result.epoch, seq: 1, type: 'queued' });
    const answer = client.messages.findIndex(({ id }) => id === 1);
    expect(answer).toBeLessThan(client.messages.indexOf(first));
    expect(await gateway.producer.ensure([{ jobId: result.jobId, tenant: TENANT, priority: 0 }])).toEqual([
      'waits',
    ]);
    expect((await rig.log.get(TENANT, result.jobId))?.job.metadata).toEqual({ a: 1 });
    const begun = await rig.log.begin(result.jobId, 60_000, 'worker-1');
    expect(begun).toMatchObject({ attempt: { spec: { prompt: 'hi' } } });
  });

  test('with `attach: false` brings no event', async () => {
    const { result } = await client.request('execute', { prompt: 'hi', attach: false });
    const attempt = await takeJob(rig.log, result.jobId);
    await attempt.end(completed);
    // An answer that comes later shows that no event came in between.
    await client.request('get', { jobId: result.jobId });
    expect(client.events(result.jobId)).toEqual([]);
  });

  test('names every fault of its parameters, unknown ones too', async () => {
    const error = await errorOf('execute', { prompt: '', maxTurns: 0, promt: 'x' });
    expect(error).toMatchObject({ code: -32602, data: { code: 'invalid_params', retryable: false } });
    expect(error.message).toMatch(/prompt.*maxTurns.*promt/s);
  });

  test.each([
    { model: '--dangerous' },
    { conversation: 'hello' },
    { workspace: '../w' },
    { allowedTools: ['Read,Bash'] },
    { appendSystemPrompt: 'a\0b' },
  ])('refuses %j, which claude-api would refuse, and accepts no job', async (options) => {
    const error = await errorOf('execute', { prompt: 'x', ...options });
    expect(error.data.code).toBe('invalid_params');
    expect(error.message).toContain(Object.keys(options)[0]);
    expect((await client.request('list', {})).result).toEqual({ jobs: [] });
  });
});

describe('attach', () => {
  test('brings the whole log of an ended job, after its answer', async () => {
    const jobId = await rig.createJob();
    const attempt = await takeJob(rig.log, jobId);
    await attempt.write({ type: 'started' }, output('a'), output('b'));
    await attempt.end(completed);
    const { result } = await client.request('attach', { jobId });
    expect(methods.attach.result.parse(result)).toMatchObject({ jobId, status: 'completed', lastSeq: 5 });
    const events = await client.untilTerminal(jobId);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    // The attachment ended with the job: it may be attached again.
    expect((await client.request('attach', { jobId, afterSeq: 5 })).result).toMatchObject({ lastSeq: 5 });
  });

  test('goes on after `afterSeq`', async () => {
    const jobId = await rig.createJob();
    const attempt = await takeJob(rig.log, jobId);
    await attempt.write(output('a'), output('b'));
    await client.request('attach', { jobId, afterSeq: 2 });
    await attempt.end(completed);
    const events = await client.untilTerminal(jobId);
    expect(events.map(({ seq }) => seq)).toEqual([3, 4]);
  });

  test('refuses an unknown job, another epoch and a position beyond the end', async () => {
    const jobId = await rig.createJob();
    expect(await errorOf('attach', { jobId: createJobId() })).toMatchObject({
      code: -32001,
      data: { code: 'job_not_found', retryable: false },
    });
    expect(await errorOf('attach', { jobId, epoch: 'other' })).toMatchObject({
      code: -32003,
      data: { code: 'epoch_mismatch', retryable: false },
    });
    expect(await errorOf('attach', { jobId, afterSeq: 9 })).toMatchObject({
      code: -32004,
      data: { code: 'position_ahead', retryable: false },
    });
    // Nothing is left of what was refused.
    expect((await client.request('attach', { jobId })).result.lastSeq).toBe(1);
  });

  test('a second time on one connection is refused, also while the first is under way', async () => {
    const jobId = await rig.createJob();
    const answers = await Promise.all([
      client.request('attach', { jobId }),
      client.request('attach', { jobId }),
    ]);
    expect(answers.filter(({ result }) => result)).toHaveLength(1);
    expect(answers.find(({ error }) => error)?.error.data.code).toBe('already_attached');
    expect((await errorOf('attach', { jobId })).code).toBe(-32005);
  });

  test('beyond the limit is refused, and an `execute` that would attach is not accepted', async (context) => {
    await needs('throughput')(context);
    const jobIds = Array.from({ length: MAX_ATTACHMENTS }, createJobId);
    await Promise.all(jobIds.map(rig.createJob));
    for (const jobId of jobIds) {
      client.send(JSON.stringify({ jsonrpc: '2.0', method: 'attach', params: { jobId } }));
    }
    await client.until(() => client.messages.length === 1 + MAX_ATTACHMENTS);
    const one = await rig.createJob();
    expect(await errorOf('attach', { jobId: one })).toMatchObject({
      code: -32006,
      data: { code: 'too_many_attachments', retryable: false },
    });
    const before = await rig.log.list('default', { limit: 1 });
    expect((await errorOf('execute', { prompt: 'x' })).data.code).toBe('too_many_attachments');
    expect(await rig.log.list('default', { limit: 1 })).toEqual(before);
    expect((await client.request('execute', { prompt: 'x', attach: false })).result.created).toBe(true);
    await client.request('detach', { jobId: jobIds[0] });
    const atOnce = await Promise.all([1, 2].map(() => client.request('execute', { prompt: 'x' })));
    expect(atOnce.map(({ error }) => error?.data.code)).toEqual([undefined, 'too_many_attachments']);
    await client.request('detach', { jobId: atOnce[0]?.result.jobId });
    expect((await client.request('attach', { jobId: one })).result.jobId).toBe(one);
  });
});

describe('detach', () => {
  test('stops the events, cancels nothing, and is answered when not attached, too', async () => {
    const { result } = await client.request('execute', { prompt: 'hi' });
    const { jobId } = result;
    await client.until(({ method }) => method === 'event');
    expect((await client.request('detach', { jobId })).result).toEqual({});
    const attempt = await takeJob(rig.log, jobId);
    await attempt.end(completed);
    expect((await client.request('detach', { jobId })).result).toEqual({});
    expect(client.events(jobId)).toHaveLength(1);
    expect((await client.request('get', { jobId })).result.status).toBe('completed');
  });

  test('right behind an `attach` wins over it', async () => {
    const jobId = await rig.createJob();
    const [attached] = await Promise.all([
      client.request('attach', { jobId }),
      client.request('detach', { jobId }),
    ]);
    expect(attached.result.jobId).toBe(jobId);
    await takeJob(rig.log, jobId).then((attempt) => attempt.end(completed));
    await client.request('get', { jobId });
    expect(client.events(jobId)).toEqual([]);
    expect(await server.channels()).not.toContain(rig.keys.channel(jobId));
  });
});

describe('get and list', () => {
  test('`get` shows the job, and its terminal event when it has ended', async () => {
    const { result } = await client.request('execute', { prompt: 'hi', metadata: { who: 'me' } });
    const { jobId } = result;
    const queued = (await client.request('get', { jobId })).result;
    expect(methods.get.result.parse(queued)).toMatchObject({ status: 'queued', attempt: 0, lastSeq: 1 });
    expect(queued.metadata).toEqual({ who: 'me' });
    expect(queued).not.toHaveProperty('terminal');
    const attempt = await takeJob(rig.log, jobId);
    await attempt.end(completed);
    const ended = (await client.request('get', { jobId })).result;
    expect(methods.get.result.parse(ended).terminal).toMatchObject({ type: 'completed', seq: 2 });
    expect((await errorOf('get', { jobId: createJobId() })).data.code).toBe('job_not_found');
    expect((await errorOf('get', { jobId: 'job_1' })).data.code).toBe('invalid_params');
  });

  test('`list` gives pages, newest first, and by status', async () => {
    const jobIds: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      jobIds.push((await client.request('execute', { prompt: `${i}`, attach: false })).result.jobId);
    }
    await client.request('cancel', { jobId: jobIds[2] });
    const first = (await client.request('list', { limit: 3 })).result;
    const rest = (await client.request('list', { limit: 3, cursor: first.cursor })).result;
    const listed = [...first.jobs, ...rest.jobs].map((job: { jobId: string }) => job.jobId);
    // Jobs of one millisecond have no order among them.
    expect(new Set(listed)).toEqual(new Set(jobIds));
    expect(listed).toHaveLength(5);
    expect(rest).not.toHaveProperty('cursor');
    const times = [...first.jobs, ...rest.jobs].map((job: { createdAt: number }) => job.createdAt);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const cancelled = (await client.request('list', { status: 'cancelled' })).result;
    expect(cancelled.jobs.map((job: { jobId: string }) => job.jobId)).toEqual([jobIds[2]]);
  });

  test('`list` with a cursor of somebody’s own is an error of the caller', async () => {
    expect((await errorOf('list', { cursor: 'abc' })).data.code).toBe('invalid_params');
    expect((await errorOf('list', { limit: 101 })).data.code).toBe('invalid_params');
  });
});

test('an unexpected fault of the gateway is `internal`, and the connection goes on', async () => {
  const faulty = await rig.gateway({
    wrapLog: (log) => ({ ...log, create: () => Promise.reject(new Error('boom')) }),
  });
  const other = await rig.connect(faulty);
  const { error } = await other.request('execute', { prompt: 'x' });
  expect(error).toMatchObject({ code: -32603, data: { code: 'internal', retryable: true } });
  expect(error.message).not.toContain('boom');
  expect((await other.request('list')).result.jobs).toEqual([]);
});

test('a record that Redis cannot read as one is `internal`, not `unavailable`: waiting would not help', async () => {
  const jobId = createJobId();
  await server.admin.set(rig.keys.record(jobId), 'no record');
  for (const method of ['get', 'attach', 'cancel', 'pause']) {
    expect([method, (await errorOf(method, { jobId })).data.code]).toEqual([method, 'internal']);
  }
  expect((await client.request('list')).result.jobs).toEqual([]);
});
