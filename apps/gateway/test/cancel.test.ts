import { createJobId } from '@cc-executor/protocol';
import { startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { completed, createRig, type Rig, TENANT, takeJob } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let client: WireClient;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  client = await rig.connect(await rig.gateway());
});
afterEach(() => rig.close());

test('a queued job is cancelled at once, and no worker can begin it', async () => {
  const { result } = await client.request('execute', { prompt: 'x' });
  const { jobId } = result;
  expect((await client.request('cancel', { jobId })).result).toEqual({ status: 'cancelled', accepted: true });
  const events = await client.untilTerminal(jobId);
  expect(events.at(-1)).toMatchObject({ type: 'cancelled', by: 'client', partial: false, seq: 2 });
  expect((await rig.log.begin(jobId, 1_000, 'me')).code).toBe('terminal');
});

test('the cancel of a running job is recorded, and wins over a finish that comes later', async () => {
  const { result } = await client.request('execute', { prompt: 'x' });
  const { jobId } = result;
  const attempt = await takeJob(rig.log, jobId);
  expect((await client.request('cancel', { jobId })).result).toEqual({ status: 'running', accepted: true });
  expect((await client.request('get', { jobId })).result).toMatchObject({ cancelRequested: true });
  expect(await attempt.end(completed)).toBe('cancel_requested');
  expect(await attempt.end({ type: 'cancelled', by: 'client', partial: false })).toBe('ok');
  expect((await client.untilTerminal(jobId)).map(({ type }) => type)).toEqual(['queued', 'cancelled']);
});

test('an ended job is not cancelled, and the answer says how it ended', async () => {
  const { result } = await client.request('execute', { prompt: 'x' });
  const { jobId } = result;
  const attempt = await takeJob(rig.log, jobId);
  await attempt.end(completed);
  expect((await client.request('cancel', { jobId })).result).toEqual({
    status: 'completed',
    accepted: false,
  });
  expect((await client.request('cancel', { jobId: createJobId() })).error.data.code).toBe('job_not_found');
});

test('of a cancel and a finish at the same moment one wins, and the answer says which', async () => {
  const wins = { cancel: 0, finish: 0 };
  for (let round = 0; round < 40; round += 1) {
    const { result } = await client.request('execute', { prompt: 'x' });
    const { jobId } = result;
    const attempt = await takeJob(rig.log, jobId);
    const [answer, finish] = await Promise.all(
      round % 2 === 0
        ? [client.request('cancel', { jobId }), attempt.end(completed)]
        : [
            client.request('cancel', { jobId }),
            rig.log.get(TENANT, jobId).then(() => attempt.end(completed)),
          ],
    );
    if (answer.result.accepted) {
      wins.cancel += 1;
      expect(finish).toBe('cancel_requested');
      expect(await attempt.end({ type: 'cancelled', by: 'client', partial: false })).toBe('ok');
    } else {
      wins.finish += 1;
      expect(answer.result.status).toBe('completed');
      expect(finish).toBe('ok');
    }
    const events = await client.untilTerminal(jobId);
    expect(events.filter(({ type }) => type === 'completed' || type === 'cancelled')).toHaveLength(1);
  }
  expect(wins.finish).toBeGreaterThan(0);
});

test('many are cancelled by status and time, a page at a time, and nothing that has ended, whichever door is asked', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const over = await client.request('execute', { prompt: 'x', attach: false });
  await client.request('cancel', { jobId: over.result.jobId });
  const ids = new Set<string>();
  for (let i = 0; i < 5; i += 1) {
    ids.add((await client.request('execute', { prompt: 'x', attach: false })).result.jobId);
  }
  expect((await client.request('cancelMany', {})).error.data.code).toBe('invalid_params');
  const { jobs: none } = (await client.request('cancelMany', { before: 1 })).result;
  expect(none).toEqual([]);
  const first = (await client.request('cancelMany', { status: 'queued', limit: 2 })).result;
  const rest = await fetch(`http://127.0.0.1:${gateway.port}/v1/jobs/cancel`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ since: 0, cursor: first.cursor }),
  });
  const { jobs, cursor } = await rest.json();
  expect([rest.status, cursor]).toEqual([200, undefined]);
  const cancelled = [...first.jobs, ...jobs];
  expect(new Set(cancelled.map(({ jobId }) => jobId))).toEqual(ids);
  expect(cancelled).toEqual(cancelled.map(({ jobId }) => ({ jobId, status: 'cancelled', accepted: true })));
  expect((await client.request('list', { status: 'cancelled' })).result.jobs).toHaveLength(6);
});
