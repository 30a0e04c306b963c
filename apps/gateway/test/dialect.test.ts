import { startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Attempt,
  completed,
  createRig,
  output,
  type Rig,
  TENANT,
  type TestGateway,
  takeJob,
  untilTrue,
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
  gateway = await rig.gateway({ heartbeatMs: 100, abandonGraceMs: 50 });
  client = await rig.dialect(gateway);
});
afterEach(() => rig.close());

function send(method: string, params?: unknown): void {
  client.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
}

/** The one job of the test that waits or runs; the dialect does not say its id in time. */
async function untilAccepted(): Promise<string> {
  let jobId: string | undefined;
  await untilTrue(async () => {
    const { jobs } = await rig.log.list('default', { status: 'queued', limit: 1 });
    jobId = jobs[0]?.jobId;
    return jobId !== undefined;
  });
  return jobId ?? '';
}

async function start(command = 'say hello'): Promise<{ jobId: string; attempt: Attempt }> {
  send('execute', { command });
  const jobId = await untilAccepted();
  return { jobId, attempt: await takeJob(rig.log, jobId) };
}

function statuses(): string[] {
  return client.messages.filter(({ method }) => method === 'statusUpdate').map(({ params }) => params.status);
}

function untilStatus(status: string) {
  return client.until(({ method, params }) => method === 'statusUpdate' && params.status === status);
}

test('the prototype’s conversation: connected, RUNNING, output, COMPLETED, and no reply', async () => {
  expect(client.socket.protocol).toBe('');
  expect(client.messages[0]).toEqual({
    jsonrpc: '2.0',
    method: 'connected',
    params: { sessionId: expect.any(String) },
  });
  const { jobId, attempt } = await start();
  const spec = await server.admin.hget(rig.keys.record(jobId), 'spec');
  expect(JSON.parse(spec ?? '')).toEqual({ prompt: 'say hello', onDisconnect: 'cancel' });
  await attempt.write({ type: 'started', engine: 'claude' }, output('Hel'), output('lo'));
  await attempt.write({ type: 'message', message: { type: 'tool_use' } });
  await attempt.end(completed);
  await untilStatus('COMPLETED');
  const told = client.messages.slice(1).filter(({ params }) => params.status !== 'RUNNING');
  expect(told.map(({ method, params }) => params.content ?? method)).toEqual(['Hel', 'lo', 'statusUpdate']);
  expect(told[0]).toEqual({ jsonrpc: '2.0', method: 'output', params: { type: 'stdout', content: 'Hel' } });
  expect(told.at(-1)?.params).toEqual({ status: 'COMPLETED', jobId });
  expect(statuses()[0]).toBe('RUNNING');
  expect(client.messages.every(({ result, error }) => !result && !error)).toBe(true);
});

test('an execute with an id is answered with the job’s id, before anything of the job', async () => {
  const { result } = await client.request('execute', { command: 'x' });
  expect(result).toEqual({ status: 'started', jobId: expect.stringMatching(/^job_/) });
  await takeJob(rig.log, result.jobId).then((attempt) => attempt.end(completed));
  await untilStatus('COMPLETED');
  expect(client.messages[1]?.id).toBe(1);
});

test('a completed job without output brings its text as output', async () => {
  const { attempt } = await start();
  await attempt.end({ ...completed, text: 'the answer' });
  await untilStatus('COMPLETED');
  expect(client.messages.find(({ method }) => method === 'output')?.params.content).toBe('the answer');
});

test('RUNNING is repeated while the job runs, and not before or after', async () => {
  send('execute', { command: 'x' });
  const jobId = await untilAccepted();
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write({ type: 'started' });
  await client.until(() => statuses().length >= 4);
  await attempt.end(completed);
  await untilStatus('COMPLETED');
  const all = statuses();
  expect(all.slice(0, -1).every((status) => status === 'RUNNING')).toBe(true);
  const answer = await client.request('control', { type: 'CANCEL' });
  expect(answer.error.message).toBe('No task is running');
  expect(statuses()).toEqual(all);
});

test.each([
  ['nothing', undefined],
  ['no command', {}],
  ['an empty command', { command: '' }],
  ['a command that is no text', { command: 5 }],
])("an execute with %s is refused: Missing 'command' parameter", async (_name, params) => {
  const { error } = await client.request('execute', params);
  expect(error).toEqual({ code: -32000, message: "Missing 'command' parameter" });
});

test('unknown methods and frames that are none are errors with the prototype’s code', async () => {
  expect((await client.request('fly')).error).toEqual({ code: -32000, message: 'Unknown method: fly' });
  for (const frame of ['no json', '[]', '{"id":7}']) client.send(frame);
  client.socket.send(Buffer.from('{}'));
  await client.until(() => client.messages.filter(({ error }) => error).length === 5);
  const errors = client.messages.filter(({ error }) => error);
  expect(new Set(errors.map(({ id }) => id))).toEqual(new Set([1, null, 7]));
  expect(new Set(errors.map(({ error }) => error.code))).toEqual(new Set([-32000]));
});

test('a second task is refused while the first runs, and taken when it has ended', async () => {
  const first = await start();
  send('execute', { command: 'y' });
  const refused = await client.until(({ error }) => error);
  expect(refused).toMatchObject({ id: null, error: { code: -32000, message: 'A task is already running' } });
  await first.attempt.end(completed);
  await untilStatus('COMPLETED');
  const second = await start();
  expect(second.jobId).not.toBe(first.jobId);
  await second.attempt.write(output('two'));
  await second.attempt.end(completed);
  await client.until(({ params }) => params?.status === 'COMPLETED' && params.jobId === second.jobId);
});

test('of two executes at once one is refused', async () => {
  const answers = await Promise.all([
    client.request('execute', { command: 'x' }),
    client.request('execute', { command: 'y' }),
  ]);
  expect(answers.map(({ result, error }) => result?.status ?? error.message)).toEqual([
    'started',
    'A task is already running',
  ]);
  expect((await rig.log.list('default', { limit: 5 })).jobs).toHaveLength(1);
});

test('CANCEL of a job that waits is CANCELLED at once, even right behind its execute', async () => {
  send('execute', { command: 'x' });
  send('control', { type: 'CANCEL' });
  await untilStatus('CANCELLED');
  expect(client.messages.every(({ error }) => !error)).toBe(true);
});

test('CANCEL of a running job is CANCELLED when its worker has stopped', async () => {
  const { jobId, attempt } = await start();
  const { result } = await client.request('control', { type: 'CANCEL' });
  expect(result).toEqual({ status: 'cancelling' });
  expect(await attempt.end(completed)).toBe('cancel_requested');
  await attempt.end({ type: 'cancelled', by: 'client', partial: false });
  expect((await untilStatus('CANCELLED')).params).toEqual({ status: 'CANCELLED', jobId });
});

test('PAUSE and RESUME are recorded for the worker; RUNNING says that the job goes on', async () => {
  const { jobId, attempt } = await start();
  await attempt.write({ type: 'started' }, output('a'));
  for (const [type, reply, pauseRequested] of [
    ['PAUSE', 'pausing', true],
    ['RESUME', 'resuming', false],
  ]) {
    const { result } = await client.request('control', { type });
    expect(result).toEqual({ status: reply });
    expect((await rig.log.get(TENANT, jobId))?.job).toMatchObject({ pauseRequested });
  }
  await attempt.write({ type: 'paused', limitMs: 1_000 });
  const before = statuses().length;
  await attempt.write({ type: 'resumed', pausedMs: 5 }, output('b'));
  await client.until(({ params }) => params?.content === 'b');
  expect(statuses().length).toBeGreaterThan(before);
  send('control', { type: 'PAUSE' });
  await attempt.write({ type: 'pause_refused', request: 'pause', reason: 'claude-api answered 404' });
  const refused = await client.until(({ error }) => error);
  const message = 'The task cannot pause: claude-api answered 404';
  expect(refused).toMatchObject({ id: null, error: { code: -32000, message } });
  await attempt.end(completed);
  await untilStatus('COMPLETED');
});

test('a control without a task, or an unknown one, is refused', async () => {
  for (const type of ['PAUSE', 'RESUME']) {
    const { error } = await client.request('control', { type });
    expect(error).toEqual({ code: -32000, message: 'No task is running' });
  }
  expect((await client.request('control', { type: 'STOP' })).error.code).toBe(-32000);
});

test('a failed job is FAILED with its error, a time-out is FAILED with the limit', async () => {
  const first = await start();
  await first.attempt.end({
    type: 'failed',
    error: { code: 'upstream_cut', message: 'it broke', retrySafe: false },
    partial: false,
  });
  const failed = await untilStatus('FAILED');
  expect(failed.params.error).toEqual({ code: 'upstream_cut', message: 'it broke' });
  const second = await start();
  await second.attempt.end({ type: 'timed_out', limit: 'total', partial: false });
  const late = await client.until(({ params }) => params?.jobId === second.jobId && params.error);
  expect(late.params).toMatchObject({ status: 'FAILED', error: { code: 'timed_out' } });
});

test('a reset is a line of output', async () => {
  const { attempt } = await start();
  await attempt.write(output('void'), { type: 'reset', discardFromSeq: 2, reason: 'the connection broke' });
  const line = await client.until(({ params }) => params?.content?.includes('starts anew'));
  expect(line.params.content).toContain('the connection broke');
  await attempt.end(completed);
});

test('a job whose record is gone is FAILED', async () => {
  const { jobId, attempt } = await start();
  await attempt.write({ type: 'started' });
  // It is listened to: before, the answer would be an error.
  await untilStatus('RUNNING');
  await server.admin.del(rig.keys.record(jobId), rig.keys.log(jobId));
  expect((await untilStatus('FAILED')).params.error.code).toBe('job_lost');
});

test('a job whose client has gone is cancelled after the grace', async () => {
  const { jobId } = await start();
  client.socket.terminate();
  await untilTrue(async () => (await rig.log.get(TENANT, jobId))?.job.cancelRequested === true);
});

test('a job that cannot be listened to is cancelled, and the client is told', async () => {
  const deaf = await rig.gateway({
    feed: { ...gateway.feed, subscribe: () => Promise.reject(new Error('no subscription')) },
  });
  const other = await rig.dialect(deaf);
  const { error } = await other.request('execute', { command: 'x' });
  expect(error.code).toBe(-32000);
  const { jobs } = await rig.log.list('default', { limit: 5 });
  expect(jobs.map(({ status }) => status)).toEqual(['cancelled']);
});

test('a drain closes with 4000 and without a word of the native protocol', async () => {
  await gateway.close();
  expect(await client.closed).toEqual({ code: 4000, reason: 'going_away' });
  expect(client.messages.map(({ method }) => method)).toEqual(['connected']);
});
