/** Batches: lines in, jobs out; what is told of them by either door; the same batch sent again; cancelling. */
import { once } from 'node:events';
import { request } from 'node:http';
import type { Identity, Standing } from '@cc-executor/identity';
import type { BatchJob } from '@cc-executor/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { completed, provideRig, type Rig, TENANT, type TestGateway, takeJob, untilTrue } from './harness.ts';

let rig: Rig;
let gateway: TestGateway;
let base: string;

provideRig((made) => {
  rig = made;
});
beforeEach(async () => {
  gateway = await rig.gateway();
  base = `http://127.0.0.1:${gateway.port}/v1`;
});

const headersOf = (key: string) => ({ 'content-type': 'application/x-ndjson', 'idempotency-key': key });
const send = (key: string, ...lines: (object | string)[]) =>
  fetch(`${base}/batches`, { method: 'POST', headers: headersOf(key), body: textOf(lines) });
const textOf = (lines: (object | string)[]) =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
const get = async (path: string) => (await fetch(base + path)).json();
const prompts = (count: number) => Array.from({ length: count }, (_, i) => ({ prompt: `p${i}` }));
const idsOf = ({ jobs }: { jobs: BatchJob[] }) => jobs.map(({ jobId }) => jobId);

async function storedJobs(): Promise<string[]> {
  const { jobs } = await rig.log.list(TENANT, { limit: 100 });
  return jobs.map(({ jobId }) => jobId).sort();
}

test('a line that cannot be a job is refused by its number, and harms no other', async () => {
  const answer = await send(
    'k',
    { prompt: 'a', metadata: { n: 1 } },
    '{',
    '',
    { prompt: 'b', misspelt: 1 },
    { prompt: 'c', idempotencyKey: 'own' },
    { prompt: 'c', idempotencyKey: 'own' },
    { prompt: 'd', idempotencyKey: 'own' },
  );
  const batch = await answer.json();
  expect([answer.status, answer.headers.get('location')]).toEqual([201, `/v1/batches/${batch.batchId}`]);
  expect(batch).toMatchObject({ created: true, lines: 6, refused: 3 });
  expect(batch.jobs).toMatchObject([
    ...[{ line: 1 }, { line: 2, error: { code: 'parse_error' } }],
    { line: 4, error: { code: 'invalid_params', message: expect.stringContaining('misspelt') } },
    ...[
      { line: 5 },
      { line: 6, jobId: batch.jobs[3].jobId },
      { line: 7, error: { code: 'idempotency_conflict' } },
    ],
  ]);
  expect(await storedJobs()).toEqual([batch.jobs[0].jobId, batch.jobs[3].jobId].sort());
  expect(await get(`/jobs/${batch.jobs[0].jobId}`)).toMatchObject({ metadata: { n: 1 } });
});

test('a batch is counted, and its results come line by line in their order, by either door', async () => {
  const { batchId, jobs } = await (await send('k', ...prompts(12), '{')).json();
  for (const i of [9, 1, 0]) await (await takeJob(rig.log, jobs[i].jobId)).end(completed);
  await takeJob(rig.log, jobs[5].jobId);
  const client = await rig.connect(gateway);
  const { result: counted } = await client.request('getBatch', { batchId });
  const none = { failed: 0, cancelled: 0, timed_out: 0, expired: 0 };
  expect(counted).toMatchObject({
    ...{ batchId, status: 'running', lines: 13 },
    counts: { queued: 8, running: 1, completed: 3, refused: 1, ...none },
  });
  expect(await get(`/batches/${batchId}`)).toEqual(counted);
  const text = await (await fetch(`${base}/batches/${batchId}/results`)).text();
  const results = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(results.map(({ line }) => line)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1));
  expect(results[1]).toMatchObject({ jobId: jobs[1].jobId, status: 'completed', terminal: { text: 'done' } });
  expect([results[5].status, results[6].status, results[12].error.code]).toEqual([
    ...['running', 'queued', 'parse_error'],
  ]);
  const rest = await (await fetch(`${base}/batches/${batchId}/results?afterLine=11`)).text();
  expect(text.endsWith(rest) && rest.startsWith('{"line":12')).toBe(true);
  const paged: unknown[] = [];
  for (let afterLine: number | undefined = 0; afterLine !== undefined; ) {
    const { result } = await client.request('batchResults', { batchId, afterLine, limit: 5 });
    paged.push(...result.results);
    afterLine = result.afterLine;
  }
  expect(paged).toEqual(results);
});

test('a batch that is sent again is the same, also at another gateway, and another one under its key a conflict', async () => {
  const first = await (await send('k', ...prompts(3))).json();
  const other = await rig.gateway();
  base = `http://127.0.0.1:${other.port}/v1`;
  const again = await send('k', ...prompts(3));
  expect([again.status, await again.json()]).toEqual([200, { ...first, created: false }]);
  for (const lines of [prompts(2), prompts(4), [{ prompt: 'other' }, ...prompts(2)]]) {
    const refused = await send('k', ...lines);
    expect([refused.status, (await refused.json()).code]).toEqual([409, 'idempotency_conflict']);
  }
  expect((await (await send('k2', ...prompts(3))).json()).batchId).not.toBe(first.batchId);
  expect(await storedJobs()).toHaveLength(6);
});

/** Sends the beginning of a body, and resolves when so many of its lines have their jobs. */
async function sendPart(key: string, text: string, lines: number): Promise<() => void> {
  const sending = request(`${base}/batches`, { method: 'POST', headers: headersOf(key) });
  sending.on('error', () => undefined);
  sending.write(text);
  await untilTrue(async () => (await storedJobs()).length === lines);
  return () => sending.destroy();
}

test('a batch that broke off is sent again, and each of its lines has one job', async () => {
  const lines = prompts(20);
  const breakOff = await sendPart('k', `${textOf(lines.slice(0, 7))}\n{"prom`, 7);
  const begun = await storedJobs();
  breakOff();
  const conflict = await send('k', { prompt: 'other' }, ...lines.slice(1));
  expect(await storedJobs()).toEqual(begun);
  expect([conflict.status, (await conflict.json()).detail]).toEqual([
    409,
    expect.stringMatching(/another batch/),
  ]);
  const fewer = await send('k', ...lines.slice(0, 5));
  expect([fewer.status, (await fewer.json()).detail]).toEqual([409, expect.stringMatching(/more lines/)]);
  const whole = await send('k', ...lines);
  const batch = await whole.json();
  expect([whole.status, batch.lines]).toEqual([201, 20]);
  expect(idsOf(batch).slice(0, 7).sort()).toEqual(begun);
  expect(await storedJobs()).toEqual(idsOf(batch).sort());
});

test('a cancelled batch cancels its jobs, and those that it gets afterwards', async () => {
  const lines = prompts(10);
  const breakOff = await sendPart('k', `${textOf(lines.slice(0, 4))}\n`, 4);
  const [running = ''] = await storedJobs();
  await takeJob(rig.log, running);
  const { batchId } = await (await send('empty', '{')).json();
  expect(await (await fetch(`${base}/batches/${batchId}/cancel`, { method: 'POST' })).json()).toEqual({
    accepted: 0,
  });
  // Its id is known from the answer alone, and that from the key: a batch that is sent again.
  breakOff();
  const ids = await gateway.redis.keys(`${rig.keyPrefix}:batch:*:unfinished`);
  const begun = /\{(.*)\}/.exec(ids[0] ?? '')?.[1];
  expect(await get(`/batches/${begun}`)).toMatchObject({ status: 'accepting', lines: 4 });
  const client = await rig.connect(gateway);
  expect((await client.request('cancelBatch', { batchId: begun })).result).toEqual({ accepted: 4 });
  expect(await (await send('k', ...lines)).json()).toMatchObject({ batchId: begun, lines: 10 });
  await untilTrue(async () => (await get(`/batches/${begun}`)).status === 'running');
  expect(await get(`/batches/${begun}`)).toMatchObject({ counts: { cancelled: 9, running: 1 } });
});

test('what is no batch here, and one without a key, is refused', async () => {
  const missing = `batch_${'0'.repeat(32)}`;
  for (const answer of [
    await fetch(`${base}/batches/${missing}`),
    await fetch(`${base}/batches/${missing}/results`),
    await fetch(`${base}/batches/${missing}/cancel`, { method: 'POST' }),
  ]) {
    expect([answer.status, (await answer.json()).code]).toEqual([404, 'batch_not_found']);
  }
  const keyless = await fetch(`${base}/batches`, { method: 'POST', body: '{"prompt":"x"}' });
  expect([keyless.status, (await keyless.json()).detail]).toEqual([
    400,
    expect.stringContaining('idempotency-key'),
  ]);
  expect(await storedJobs()).toEqual([]);
});

describe('where tokens are asked for', () => {
  let standing: Standing;
  const bearer = (tenant: string) => ({ authorization: `Bearer ${tenant}` });
  const keyring = {
    identify(tenant: string): Identity {
      return { tenant, scopes: ['write'], who: tenant, proof: { kind: 'key', id: 'key_0', secret: '' } };
    },
    standing: () => standing,
    termsOf: () => ({ tenant: {} }),
  };

  beforeEach(async () => {
    standing = 'good';
    const { port } = await rig.gateway({ keyring });
    base = `http://127.0.0.1:${port}/v1`;
  });

  test('a key is its tenant’s alone, and so is the batch', async () => {
    const sendAs = async (tenant: string) => {
      const init = { method: 'POST', headers: { ...headersOf('k'), ...bearer(tenant) } };
      return (await fetch(`${base}/batches`, { ...init, body: '{"prompt":"x"}' })).json();
    };
    const [a, b] = [await sendAs('a'), await sendAs('b')];
    expect(a.batchId).not.toBe(b.batchId);
    const status = async (tenant: string, path: string) =>
      (await fetch(`${base}/batches/${a.batchId}${path}`, { headers: bearer(tenant) })).status;
    for (const path of ['', '/results'])
      expect([await status('a', path), await status('b', path)]).toEqual([200, 404]);
  });

  test('a token that is revoked meanwhile ends the whole batch, and refuses no line', async () => {
    const lines = prompts(20);
    const headers = { ...headersOf('k'), ...bearer('default') };
    const sending = request(`${base}/batches`, { method: 'POST', headers });
    const answered = once(sending, 'response');
    sending.write(`${textOf(lines.slice(0, 7))}\n`);
    await untilTrue(async () => (await storedJobs()).length === 7);
    standing = 'revoked';
    sending.end(textOf(lines.slice(7)));
    const [answer] = await answered;
    expect(answer.statusCode).toBe(401);
    standing = 'good';
    const again = await fetch(`${base}/batches`, { method: 'POST', headers, body: textOf(lines) });
    expect(await again.json()).toMatchObject({ created: true, lines: 20, refused: 0 });
  });
});

test('a batch breaks off while Redis is away, and is complete when it is sent again', async () => {
  const lines = prompts(30);
  gateway.redis.disconnect();
  await untilTrue(() => gateway.redis.status === 'end');
  const refused = await send('k', ...lines);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  const other = await rig.gateway();
  base = `http://127.0.0.1:${other.port}/v1`;
  expect((await (await send('k', ...lines)).json()).lines).toBe(30);
  expect(await storedJobs()).toHaveLength(30);
});
