/** Verify, with the test in the place of the worker: what is compared with what, and what comes of it. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createJobId, type EventBody, methods, type TerminalBody } from '@cc-executor/protocol';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { answerTranscriptRequests, type TranscriptAnswer } from '@cc-executor/signals';
import { startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRig, output, type Rig, takeJob } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let client: WireClient;
let stopAnswering: (() => Promise<unknown>) | undefined;
let askedFor: string[];

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  client = await rig.connect(await rig.gateway());
  askedFor = [];
});
afterEach(async () => {
  await stopAnswering?.();
  stopAnswering = undefined;
  await rig.close();
});

function digestOf(text: string) {
  return { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
}

/** A worker that answers every question for a transcript so. */
async function answerWith(answer: TranscriptAnswer): Promise<void> {
  const open = (role: 'patient' | 'subscriber') =>
    openRedis(server.url, { name: `${rig.keyPrefix}:${role}`, role, onError: () => {} });
  const [subscriber, redis] = [open('subscriber'), open('patient')];
  await once(subscriber, 'ready');
  const read = async (executionId: string) => {
    askedFor.push(executionId);
    return answer;
  };
  answerTranscriptRequests({ subscriber, redis, keyPrefix: rig.keyPrefix, read, onError: () => {} });
  await subscriber.ping();
  stopAnswering = () => Promise.all([closeRedis(subscriber), closeRedis(redis)]);
}

const text = 'grün 🚀 and so on';
const done = {
  type: 'completed',
  evidence: 'complete-line',
  text: 'and so on',
  digest: digestOf(text),
  executionId: 'e-1-1',
} as const;
const pieces: EventBody[] = [output('void'), output('grün 🚀 '), output('and so on')];

async function ended(terminal: TerminalBody, events: EventBody[] = pieces): Promise<string> {
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  const reset = { type: 'reset', discardFromSeq: 2, reason: 'begun anew' } as const;
  const [first, ...rest] = events;
  await attempt.write(...(first ? [first, reset, ...rest] : []));
  await attempt.end(terminal);
  return jobId;
}

async function verify(jobId: string) {
  const { result, error } = await client.request('verify', { jobId });
  if (error) return error.data;
  return methods.verify.result.strict().parse(result);
}

test('what a service says of a transcript is told at no more than a reader wants', async () => {
  await answerWith({ reason: 'r'.repeat(10_000), message: '漢'.repeat(10_000) });
  const { reason, message } = await verify(await ended(done));
  expect([reason.length, message.length]).toEqual([100, 2_000]);
});

describe('a job', () => {
  test('whose text, digest and transcript are one is verified', async () => {
    await answerWith(digestOf(text));
    const { digest, executionId } = done;
    expect(await verify(await ended(done))).toEqual({
      verdict: 'verified',
      message: expect.stringContaining(`${digest.bytes} bytes`),
      digest,
      executionId,
    });
    expect(askedFor).toEqual(['e-1-1']);
    await server.assertNoKeys(`${rig.keyPrefix}:{transcript:`);
  });

  test('whose transcript says something else is a mismatch of the transcript', async () => {
    await answerWith(digestOf('something else'));
    expect(await verify(await ended(done))).toMatchObject({ verdict: 'mismatch', part: 'transcript' });
  });

  test.each<[string, (jobId: string) => Promise<unknown>]>([
    ['a text was changed', (jobId) => change(jobId, 3, (event) => event.replace('grün', 'blau'))],
    ['a text was moved from one event to the next', (jobId) => swap(jobId, 3, 4)],
    ['an event was taken out', (jobId) => cut(jobId, 3)],
    ['an event was added at the end', (jobId) => edit(jobId, (events) => [...events, '{"type":"output"}'])],
    ['the terminal event was taken out', (jobId) => edit(jobId, (events) => events.slice(0, -1))],
    ['the last batch was taken out', (jobId) => server.admin.ltrim(rig.keys.log(jobId), 0, -3)],
    ['an entry is no head', (jobId) => server.admin.lset(rig.keys.log(jobId), 2, '{"jobId":"x"}')],
    ['it ends in another way', (jobId) => change(jobId, 5, (event) => event.replace('completed', 'failed'))],
    [
      'its terminal text was changed',
      (jobId) => change(jobId, 5, (event) => event.replace('and so on', 'or not')),
    ],
    ['an event is no longer JSON', (jobId) => change(jobId, 1, () => 'gone')],
  ])('in whose log %s is a mismatch of the log, and no worker is asked', async (_what, tamper) => {
    await answerWith(digestOf(text));
    const jobId = await ended(done);
    await tamper(jobId);
    expect(await verify(jobId)).toMatchObject({ verdict: 'mismatch', part: 'log' });
    expect(askedFor).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['same', text, 'verified'],
    ['shorter', 'grün ', 'not_verifiable'],
    ['longer', `${text}, and more`, 'not_verifiable'],
    ['other', 'blau ', 'mismatch'],
  ])(
    'that was cut off is judged up to where it was: a transcript that is %s',
    async (_how, written, verdict) => {
      await answerWith(digestOf(written));
      const { digest, executionId } = done;
      const cancelled = { type: 'cancelled', by: 'client', partial: true, digest, executionId } as const;
      const found = await verify(await ended(cancelled));
      expect(found).toMatchObject({ verdict, ...(verdict === 'not_verifiable' && { reason: 'cut_off' }) });
    },
  );
});

describe('it cannot be told', () => {
  test.each<[string, TerminalBody]>([
    ['no_digest', { type: 'completed', evidence: 'clean-eof' }],
    ['no_execution', { type: 'completed', evidence: 'clean-eof', digest: digestOf(text) }],
    ['no_worker_answered', done],
  ])('because of %s', async (reason, terminal) => {
    expect(await verify(await ended(terminal))).toMatchObject({ verdict: 'not_verifiable', reason });
  });

  test('for the reason that claude-api gives', async () => {
    await answerWith({ reason: 'demo_engine', message: 'the demo makes it up' });
    expect(await verify(await ended(done))).toMatchObject({
      verdict: 'not_verifiable',
      reason: 'demo_engine',
      message: 'the demo makes it up',
    });
  });

  test('of a job that has not ended, or is not there', async () => {
    expect(await verify(await rig.createJob())).toMatchObject({ reason: 'not_ended' });
    expect(await verify(createJobId())).toMatchObject({ code: 'job_not_found' });
  });
});

/** Changes the events of the log, whose batches stay where they are: the last one holds what is more or less. */
async function edit(jobId: string, change: (events: string[]) => string[]): Promise<void> {
  const key = rig.keys.log(jobId);
  const entries = await server.admin.lrange(key, 0, -1);
  const batches = entries.filter((_, i) => i % 2 === 1).map((entry) => entry.split('\n'));
  const after = change(batches.flat());
  expect(after).not.toEqual(batches.flat());
  for (const [i, { length }] of batches.entries()) {
    const bodies = after.splice(0, i === batches.length - 1 ? after.length : length);
    await server.admin.lset(key, 2 * i + 1, bodies.join('\n'));
  }
}

/** Replaces the event at this index, counted from 0. */
function change(jobId: string, index: number, replace: (event: string) => string): Promise<void> {
  return edit(jobId, (events) => events.with(index, replace(events[index] ?? '')));
}

function swap(jobId: string, one: number, other: number): Promise<void> {
  return edit(jobId, (events) => events.with(one, events[other] ?? '').with(other, events[one] ?? ''));
}

function cut(jobId: string, index: number): Promise<void> {
  return edit(jobId, (events) => events.toSpliced(index, 1));
}
