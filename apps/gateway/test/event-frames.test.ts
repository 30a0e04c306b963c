/** What listeners of both forms are sent of a batch, read by a client of the usual kind. */
import type { StoredBatch } from '@cc-executor/job-log';
import { eventTexts, MAX_EVENT_BYTES, MAX_SENT_FRAME_BYTES } from '@cc-executor/protocol';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createEventFrames, type EventFrames } from '../src/doors/event-frames.ts';
import { connectPair, type SocketPair } from './fixtures/socket-pair.ts';
import { untilTrue } from './harness.ts';

let pair: SocketPair;
let received: Buffer[];
let framesOf: EventFrames;

beforeAll(async () => {
  pair = await connectPair();
  pair.client.on('message', (data) => received.push(data as Buffer));
});
afterAll(() => pair.close());
beforeEach(() => {
  received = [];
  framesOf = createEventFrames();
});

const head = { jobId: 'job_5f0c', epoch: '9f86', attempt: 2, time: 1_795_468_094_043 };
const awkward = ['plain', '\n \r\n \\ "', 'é 漢字 🙂 \u2028 \u0000', '\ud800', '', '","events":['];

function batchOf(texts: string[], firstSeq = 1): StoredBatch {
  const bodies = texts.map((text) => JSON.stringify({ type: 'output', text })).join('\n');
  return { ...head, firstSeq, lastSeq: firstSeq + texts.length - 1, bodies: Buffer.from(bodies) };
}

async function send(batch: StoredBatch, isTogether: boolean): Promise<string[]> {
  const { pieces, bytes } = framesOf(batch, isTogether);
  const buffers = pieces.flat();
  expect(bytes).toBe(buffers.reduce((sum, { length }) => sum + length, 0));
  for (const buffer of buffers) pair.stream.write(buffer);
  // Written behind them.
  pair.webSocket.send('end');
  await untilTrue(() => String(received.at(-1)) === 'end');
  return received.slice(0, -1).map(String);
}

/** Around the lengths at which the header of a frame grows, and that of a seq. */
const lengths = [1, 10, 60, 125, 126, 65_000, 65_400, 65_535, 65_536, 100_000];

test.each([
  ['of awkward texts', batchOf(awkward, 8)],
  [
    'of any length',
    batchOf(
      lengths.map((length) => 'x'.repeat(length)),
      96,
    ),
  ],
  ['of one', batchOf(['one'])],
  [
    'of long ones',
    batchOf(
      Array.from({ length: 40 }, (_, i) => `${i}é`.padEnd(8_000 + i, 'x')),
      80,
    ),
  ],
  [
    'of thousands',
    batchOf(
      Array.from({ length: 3_000 }, (_, i) => `${i}`),
      99_000,
    ),
  ],
])('a batch %s is a frame for each event, or few for all, and both say the same', async (_what, batch) => {
  const events = eventTexts(batch);
  const single = await send(batch, false);
  expect(single).toEqual(events.map((event) => `{"jsonrpc":"2.0","method":"event","params":${event}}`));
  received = [];
  const frames = (await send(batch, true)).map((frame) => JSON.parse(frame));
  expect(frames.length).toBeLessThanOrEqual(4);
  const unpacked = frames.flatMap(({ method, params }) => {
    expect(method).toBe('events');
    const { events: bodies, firstSeq, ...shared } = params;
    return bodies.map((body: object, i: number) => ({ ...shared, seq: firstSeq + i, ...body }));
  });
  expect(unpacked).toEqual(events.map((event) => JSON.parse(event)));
});

test('no frame is larger than a client takes, however large the batch', async () => {
  const empty = JSON.stringify({ type: 'output', text: '' }).length;
  const batch = batchOf([
    ...Array(5).fill('x'.repeat(MAX_EVENT_BYTES - empty)),
    ...Array(9).fill('é'.repeat(40_000)),
  ]);
  for (const isTogether of [false, true]) {
    received = [];
    const frames = await send(batch, isTogether);
    expect(frames.length).toBeGreaterThanOrEqual(8);
    for (const frame of frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
  }
});

test('long bodies are sent from where they lie, and each piece ends with a frame', async () => {
  const batch = batchOf(Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(16_384, 'x')));
  const { pieces } = framesOf(batch, false);
  expect(pieces.length).toBeGreaterThan(2);
  const lying = pieces.flat().filter(({ buffer }) => buffer === batch.bodies.buffer);
  expect(lying.length).toBe(40);
  // What goes in between, as pings do, is no part of a frame.
  for (const piece of pieces) {
    for (const buffer of [piece].flat()) pair.stream.write(buffer);
    pair.webSocket.send('between');
  }
  await untilTrue(() => received.filter((message) => String(message) === 'between').length === pieces.length);
  const frames = received.map(String).filter((text) => text !== 'between');
  expect(frames).toEqual(
    eventTexts(batch).map((event) => `{"jsonrpc":"2.0","method":"event","params":${event}}`),
  );
});

test('all listeners of a batch get the same bytes, made once', () => {
  const batch = batchOf(awkward);
  for (const isTogether of [false, true])
    expect(framesOf(batch, isTogether)).toBe(framesOf(batch, isTogether));
  expect(framesOf({ ...batch }, true)).not.toBe(framesOf(batch, true));
});
