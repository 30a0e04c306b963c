/** A snapshot and the events after it are the fold of everything: for any log and cut, and by every door. */
import type { ReadLog } from '@cc-executor/job-log';
import {
  type EventBody,
  emptyFold,
  type Fold,
  foldEvents,
  foldedText,
  type JobEvent,
  MAX_SENT_FRAME_BYTES,
} from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { type Outlines, readSnapshot, type SnapshotPage } from '../src/listening/snapshot.ts';
import { completed, output, provideRig, type Rig, type TestGateway, takeJob } from './harness.ts';

const head = { jobId: `job_${'0'.repeat(32)}`, epoch: 'e', attempt: 1, time: 1 };

const plain: EventBody[] = [
  { type: 'started', engine: 'claude', model: 'm' },
  { type: 'message', message: { type: 'user' } },
  { type: 'throttled', untilMs: 5, reason: 'x' },
  { type: 'paused', limitMs: 1_000 },
  { type: 'resumed', pausedMs: 1 },
  { type: 'tool_started', toolUseId: 'a', name: 'Bash', input: {} },
  { type: 'tool_started', toolUseId: 'b', name: 'Bash', input: {}, parent: 'a' },
  { type: 'tool_ended', toolUseId: 'a', name: 'Bash', isError: false, durationMs: 1 },
];

function resetOf(back: number, seq: number): EventBody {
  const again = back % 2 === 0 ? {} : { attemptsLeft: 1 };
  return { type: 'reset', discardFromSeq: (back % seq) + 1, reason: 'x', ...again };
}

/** Events, each for the seq at which it comes to stand. */
const bodies = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.string(), fc.boolean()).map(([text, begin]) => (): EventBody => {
      return { type: 'output', text, ...(begin && { begin }) };
    }),
  },
  { weight: 2, arbitrary: fc.nat().map((back) => (seq: number) => resetOf(back, seq)) },
  { weight: 3, arbitrary: fc.constantFrom(...plain).map((body) => () => body) },
);

/** A log in batches of two, of which a page has a few. */
function readFrom(events: EventBody[]): ReadLog['range'] {
  return async (_tenant, _jobId, { afterSeq }) => {
    const page = events.slice(afterSeq, afterSeq + 6);
    const batches = [0, 2, 4].flatMap((from) => {
      const part = page.slice(from, from + 2);
      const firstSeq = afterSeq + from + 1;
      const lastSeq = firstSeq + part.length - 1;
      const text = part.map((body) => JSON.stringify(body)).join('\n');
      return part.length > 0 ? [{ ...head, firstSeq, lastSeq, bodies: Buffer.from(text) }] : [];
    });
    return { epoch: 'e', lastSeq: events.length, status: 'running', batches };
  };
}

/** As a client puts it together. */
function foldOf(pages: SnapshotPage[]): Fold {
  const { state } = pages.at(-1) ?? {};
  if (!state) throw new Error('the last page has no state');
  return { pieces: pages.flatMap(({ pieces }) => pieces), state };
}

describe('a snapshot', () => {
  it('and the events after it are the fold of all of them, wherever it is cut, whatever was known before', async () => {
    const logs = fc.array(bodies, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(logs, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), async (made, cuts) => {
        const events = made.map((body, i) => body(i + 1));
        const numbered = events.map((body, i) => ({ ...body, ...head, seq: i + 1 }) as JobEvent);
        const outlines: Outlines = new Map();
        for (const cut of cuts) {
          const seq = (cut % events.length) + 1;
          const pages: SnapshotPage[] = [];
          const of = { ...head, tenant: 't', seq };
          for await (const page of readSnapshot(readFrom(events), of, outlines)) {
            pages.push(JSON.parse(JSON.stringify(page)));
          }
          expect(foldOf(pages)).toEqual(foldEvents(emptyFold, numbered.slice(0, seq)));
          expect(foldEvents(foldOf(pages), numbered.slice(seq))).toEqual(foldEvents(emptyFold, numbered));
        }
      }),
    );
  });

  it('is of a log that is whole, and of this one', async () => {
    const events: EventBody[] = [{ type: 'queued' }, output('a'), output('b')];
    const read = async (of: object, range = readFrom(events)) => {
      const snapshot = readSnapshot(range, { ...head, tenant: 't', seq: 3, ...of }, new Map());
      for await (const _ of snapshot);
    };
    await expect(read({ epoch: 'other' })).rejects.toThrow('made anew');
    await expect(read({ seq: 4 })).rejects.toThrow('lost events');
    await expect(read({}, async () => undefined)).rejects.toThrow('the record is gone');
  });
});

let rig: Rig;
let gateway: TestGateway;
provideRig((made) => {
  rig = made;
});
beforeEach(async () => {
  gateway = await rig.gateway();
});

/** A job that runs, with 3 MB of text, some of it void. */
async function longJob() {
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write({ type: 'started', engine: 'claude' }, output('void '));
  await attempt.write({ type: 'reset', discardFromSeq: 3, reason: 'message anew' });
  for (let i = 0; i < 30; i += 1) {
    await attempt.write(output(`${i} ${'é"'.repeat(25_000)} `), { type: 'message', message: { i } });
  }
  await attempt.write({ type: 'tool_started', toolUseId: 't', name: 'Bash', input: {} });
  return { jobId, attempt };
}

async function foldOfLog(jobId: string): Promise<Fold> {
  const text = await (
    await fetch(`http://127.0.0.1:${gateway.port}/v1/jobs/${jobId}/events`, {
      headers: { accept: 'application/x-ndjson' },
    })
  ).text();
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return foldEvents(
    emptyFold,
    events.filter(({ seq }) => seq !== undefined),
  );
}

test('an attachment begins with a snapshot in frames of bounded size, then the events after it', async () => {
  const { jobId, attempt } = await longJob();
  const client = await rig.connect(gateway);
  const { result } = await client.request('attach', { jobId, from: 'snapshot' });
  expect(result).toMatchObject({ status: 'running', lastSeq: 65, snapshotSeq: 65 });
  await client.until(({ method, params }) => method === 'snapshot' && params.state !== undefined);
  // Of the text that the snapshot has.
  await attempt.write({ type: 'reset', discardFromSeq: 60, reason: 'message anew' }, output('end'));
  await attempt.end(completed);
  await client.until(({ params }) => params?.type === 'completed');
  const frames = client.messages.filter(({ method }) => method === 'snapshot' || method === 'event');
  const pages = frames.flatMap(({ method, params }) => (method === 'snapshot' ? [params] : []));
  expect(pages.length).toBeGreaterThan(10);
  for (const frame of frames)
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
  expect(foldOf(pages).state.tools).toMatchObject([{ toolUseId: 't' }]);
  expect(foldedText(foldOf(pages))).not.toContain('void');
  const tail = frames.slice(pages.length).map(({ params }) => params);
  expect(tail.map(({ seq }) => seq)).toEqual([66, 67, 68]);
  expect(foldEvents(foldOf(pages), tail)).toEqual(await foldOfLog(jobId));
});

test('a stream begins with one too, and is resumed behind it; of an ended job the terminal event follows', async () => {
  const { jobId, attempt } = await longJob();
  await attempt.end(completed);
  const url = `http://127.0.0.1:${gateway.port}/v1/jobs/${jobId}/events`;
  const text = await (await fetch(`${url}?from=snapshot`)).text();
  const messages = text
    .trimEnd()
    .split('\n\n')
    .filter((message) => !message.startsWith('retry'))
    .map((message) => Object.fromEntries(message.split('\n').map((line) => line.split(/: (.*)/, 2))));
  const pages = messages.slice(0, -1);
  expect(pages.map(({ event }) => event)).toEqual(pages.map(() => 'snapshot'));
  expect(pages.flatMap(({ id }) => id ?? [])).toEqual(['65']);
  const [end] = messages.slice(-1);
  expect([end?.id, JSON.parse(end?.data ?? '').type]).toEqual(['66', 'completed']);
  const fold = foldOf(pages.map(({ data }) => JSON.parse(data ?? '')));
  expect(foldEvents(fold, [JSON.parse(end?.data ?? '')])).toEqual(await foldOfLog(jobId));
  const resumed = await fetch(`${url}?from=snapshot`, { headers: { 'last-event-id': '65' } });
  expect(await resumed.text()).toMatch(/^retry: \d+\n\nid: 66\n/);
  const lines = await fetch(`${url}?from=snapshot`, { headers: { accept: 'application/x-ndjson' } });
  expect(await lines.text()).toMatch(/^\{"type":"snapshot",/);
  const both = await fetch(`${url}?from=snapshot&after=3`);
  expect(both.status).toBe(400);
});

test('a snapshot waits through an outage of Redis, and none of it comes twice', async () => {
  const { jobId } = await longJob();
  let reads = 0;
  const flaky = await rig.gateway({
    wrapLog: (log) => ({
      ...log,
      async range(...args) {
        reads += 1;
        if (reads % 3 === 2) throw new RedisUnavailableError('away', new Error('no connection'));
        return log.range(...args);
      },
    }),
  });
  const client = await rig.connect(flaky);
  await client.request('attach', { jobId, from: 'snapshot' });
  await client.until(({ method, params }) => method === 'snapshot' && params.state !== undefined);
  const pages = client.messages.flatMap(({ method, params }) => (method === 'snapshot' ? [params] : []));
  expect(foldOf(pages).pieces.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, i) => 5 + 2 * i));
  expect(reads).toBeGreaterThan(6);
});

test('a log that is gone meanwhile is told as lost', async () => {
  const { jobId } = await longJob();
  const losing = await rig.gateway({
    wrapLog: (log) => ({
      ...log,
      // Attaching reads behind the snapshot.
      range: async (tenant, id, stretch) =>
        stretch.afterSeq === 0 ? undefined : log.range(tenant, id, stretch),
    }),
  });
  const client = await rig.connect(losing);
  await client.request('attach', { jobId, from: 'snapshot' });
  const lost = await client.until(({ method }) => method === 'job_lost');
  expect(lost.params).toEqual({ jobId, lastSeq: 0, reason: 'the record is gone' });
});

test('who leaves while the snapshot comes gets no more, and may attach again', async () => {
  const { jobId } = await longJob();
  const client = await rig.connect(gateway);
  await client.request('attach', { jobId, from: 'snapshot' });
  await client.request('detach', { jobId });
  const before = client.messages.length;
  const { result } = await client.request('attach', { jobId, afterSeq: 65 });
  expect(result.lastSeq).toBe(65);
  const later = client.messages.slice(before).filter(({ method }) => method === 'snapshot');
  expect(later).toEqual([]);
});
