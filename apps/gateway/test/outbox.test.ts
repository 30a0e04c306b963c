import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBatch } from '../src/doors/batch.ts';
import { createOutbox, type Outbox } from '../src/doors/outbox.ts';
import { createRounds, type Rounds } from '../src/doors/rounds.ts';
import { textFrame } from '../src/doors/text-frame.ts';
import { overWebSocket } from '../src/doors/web-socket-carrier.ts';
import { connectPair, type SocketPair } from './fixtures/socket-pair.ts';
import { untilTrue } from './harness.ts';

const ROOM_BYTES = 200_000;
/** More than the system buffers between two ends. */
const MUCH = 400;

let pair: SocketPair;
let outbox: Outbox;
let received: string[];
let rooms: number;
let grownBytes: number;
let rounds: Rounds;

beforeEach(async () => {
  pair = await connectPair();
  received = [];
  rooms = 0;
  grownBytes = 0;
  rounds = createRounds();
  pair.client.on('message', (data) => received.push(String(data)));
  outbox = createOutbox(overWebSocket(pair.webSocket, pair.stream), {
    roomBytes: () => ROOM_BYTES,
    onRoom() {
      rooms += 1;
    },
    onGrown(bytes) {
      grownBytes += bytes;
    },
    rounds,
  });
});
afterEach(() => pair.close());

const frame = (i: number) => `${i} ${'x'.repeat(64 * 1024)}`;
const numbers = () => received.map((text) => Number.parseInt(text, 10));
const fakeStream = {
  cork: () => undefined,
  uncork: () => undefined,
  writableLength: 0,
  writableNeedDrain: false,
};
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test('sends texts and batches in their order', async () => {
  outbox.send('0');
  outbox.send(createBatch([textFrame('1'), textFrame('2')]));
  outbox.send('3');
  await untilTrue(() => received.length === 4);
  expect(received).toEqual(['0', '1', '2', '3']);
  // Each has a header of two bytes.
  expect(grownBytes).toBe(12);
  expect(outbox.takenBytes()).toBeGreaterThanOrEqual(12);
});

test('hands over all of a tick at its end, also to those who would wait', async () => {
  const stream = pair.stream as Socket;
  const before = stream.bytesWritten;
  outbox.sendPatiently(createBatch([textFrame('0')]));
  outbox.send('1');
  expect(stream.bytesWritten).toBe(before);
  expect(outbox.waitingBytes()).toBe(6);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(stream.bytesWritten).toBe(before + 6);
  expect(outbox.waitingBytes()).toBe(0);
  await untilTrue(() => received.length === 2);
  expect(received).toEqual(['0', '1']);
});

test('hands over at once, when it is told to, what waits for others: that tells nothing of the client', async () => {
  // A large round comes before.
  for (let i = 0; i < 1_000; i += 1) rounds.joinPatiently(() => undefined);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  outbox.sendPatiently(createBatch([textFrame('0')]));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(outbox.waitingBytes()).toBe(3);
  outbox.depart();
  expect(outbox.waitingBytes()).toBe(0);
  await untilTrue(() => received.length === 1);
});

test('says that there is room again when all was taken at once, and nothing drains', async () => {
  const all = createOutbox(
    {
      stream: { ...fakeStream, on: () => pair.stream },
      isOpen: () => true,
      frame: textFrame,
      write: () => undefined,
      ping: () => undefined,
    },
    {
      roomBytes: () => 10,
      onRoom() {
        rooms += 1;
      },
      onGrown: () => undefined,
      rounds: createRounds(),
    },
  );
  all.send('more than ten');
  expect(all.hasRoom()).toBe(false);
  await untilTrue(() => rooms === 1);
  expect(all.hasRoom()).toBe(true);
});

test('keeps what a client does not take, counts it, and says when there is room again', async () => {
  pair.client.pause();
  for (let i = 0; i < MUCH; i += 1) outbox.send(frame(i));
  await untilTrue(() => pair.stream.writableNeedDrain);
  expect(outbox.hasRoom()).toBe(false);
  expect(outbox.waitingBytes()).toBeGreaterThan(ROOM_BYTES);
  expect([...outbox.batches()].length).toBeGreaterThan(0);
  // What the socket itself holds is little: what is dropped is dropped.
  expect(pair.stream.writableLength).toBeLessThan(200_000);
  const takenBefore = outbox.takenBytes();
  pair.client.resume();
  await untilTrue(() => received.length === MUCH);
  expect(numbers()).toEqual(upTo(MUCH));
  expect(rooms).toBeGreaterThan(0);
  await untilTrue(() => outbox.waitingBytes() === 0);
  expect(outbox.takenBytes()).toBeGreaterThan(takenBefore);
  expect([...outbox.batches()]).toEqual([]);
});

test('pings between the frames, so that the answers tell how far the client has read', async () => {
  let pings = 0;
  pair.client.on('ping', () => {
    pings += 1;
  });
  for (let i = 0; i < 20; i += 1) outbox.send(frame(i));
  await untilTrue(() => received.length === 20);
  expect(pings).toBeGreaterThanOrEqual(19);
});

test('drops what waits when it is told to, and only that', async () => {
  pair.client.pause();
  for (let i = 0; i < MUCH; i += 1) outbox.send(frame(i));
  await untilTrue(() => pair.stream.writableNeedDrain);
  outbox.clear();
  expect([...outbox.batches()]).toEqual([]);
  outbox.send('the last');
  pair.client.resume();
  await untilTrue(() => received.at(-1) === 'the last');
  expect(received.length).toBeGreaterThan(1);
  expect(received.length).toBeLessThan(MUCH);
  expect(numbers().slice(0, -1)).toEqual(upTo(received.length - 1));
});

test('hands everything to the socket before a close frame', async () => {
  pair.client.pause();
  for (let i = 0; i < MUCH; i += 1) outbox.send(frame(i));
  outbox.flush();
  pair.webSocket.close(4000);
  pair.client.resume();
  await once(pair.client, 'close');
  expect(numbers()).toEqual(upTo(MUCH));
});

test('sends nothing on a socket that has closed', async () => {
  pair.client.terminate();
  await once(pair.webSocket, 'close');
  outbox.send('too late');
  expect(outbox.waitingBytes()).toBe(0);
  expect(grownBytes).toBe(0);
});
