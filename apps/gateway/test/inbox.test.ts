import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createInbox, type Inbox } from '../src/doors/inbox.ts';
import { createTurns } from '../src/doors/turns.ts';
import { connectPair, type SocketPair } from './fixtures/socket-pair.ts';
import { untilTrue } from './harness.ts';

let pair: SocketPair;
let inbox: Inbox;
/** What was taken, each until it is answered. */
let taken: { text: string; answer: () => void }[];
let hasRoom: boolean;
let mayRead: boolean;
let onRoom: (() => void) | undefined;
let grownBytes: number;

beforeEach(async () => {
  pair = await connectPair();
  taken = [];
  hasRoom = true;
  mayRead = true;
  onRoom = undefined;
  grownBytes = 0;
  inbox = createInbox(
    pair.webSocket,
    pair.stream,
    (message) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      taken.push({ text: String(message), answer: resolve });
      return promise;
    },
    {
      mayTake: () => hasRoom,
      memory: {
        grew(bytes) {
          grownBytes += bytes;
        },
        mayRead(wake) {
          if (!mayRead) onRoom = wake;
          return mayRead;
        },
      },
      turns: createTurns().of('acme'),
    },
  );
});
afterEach(() => pair.close());

/** Begins a message, and does not end it. */
const sendPart = (bytes: number) => pair.client.send('x'.repeat(bytes), { fin: false });

test('takes messages in their order, so many at once, and reads no more until some are answered', async () => {
  for (let i = 0; i < 200; i += 1) pair.client.send(`message ${i}`);
  await untilTrue(() => taken.length === 64 && pair.webSocket.isPaused);
  expect(inbox.heldBytes()).toBeGreaterThan(64 * 'message 1'.length);
  for (let answered = 0; answered < 200; answered += 1) {
    await untilTrue(() => taken.length > answered);
    taken[answered]?.answer();
  }
  expect(taken.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, i) => `message ${i}`));
  await untilTrue(() => inbox.heldBytes() === 0);
  expect(pair.webSocket.isPaused).toBe(false);
});

test('counts a request several times: it is text, and parsed, while it is under way', async () => {
  pair.client.send('x'.repeat(100_000));
  await untilTrue(() => taken.length === 1);
  expect(inbox.heldBytes()).toBeGreaterThanOrEqual(300_000);
  taken[0]?.answer();
  await untilTrue(() => inbox.heldBytes() === 0);
});

test('takes nothing while there is no room for answers, not even pings', async () => {
  hasRoom = false;
  pair.client.ping();
  await untilTrue(() => pair.webSocket.isPaused);
  pair.client.send('later');
  hasRoom = true;
  inbox.resume();
  await untilTrue(() => taken.length === 1);
});

test('counts what came of a message that is not complete, and tells the budget', async () => {
  sendPart(100_000);
  await untilTrue(() => inbox.heldBytes() >= 100_000);
  expect(grownBytes).toBeGreaterThanOrEqual(100_000);
  expect(taken).toEqual([]);
  pair.client.send('the end');
  await untilTrue(() => taken.length === 1);
  expect(taken[0]?.text).toHaveLength(100_000 + 'the end'.length);
});

test('who does not complete a message is to blame more and more for it', async () => {
  sendPart(50_000);
  await untilTrue(() => inbox.blame() >= 50_000);
  const before = inbox.blame();
  await untilTrue(() => inbox.blame() > 1.5 * before);
  expect(inbox.heldBytes()).toBeLessThan(1.5 * before);
  pair.client.send('the end');
  await untilTrue(() => taken.length === 1);
  expect(inbox.blame()).toBeLessThan(60_000);
});

test('counts many small pieces as more than their bytes', async () => {
  for (let i = 0; i < 20; i += 1) {
    sendPart(1);
    await untilTrue(() => inbox.heldBytes() > i * 500);
  }
});

test('reads a small message without asking for memory, and a large one only as there is some', async () => {
  mayRead = false;
  pair.client.send('x'.repeat(10_000));
  await untilTrue(() => taken.length === 1);
  taken[0]?.answer();
  expect(onRoom).toBeUndefined();
  pair.client.send('y'.repeat(5_000_000));
  await untilTrue(() => onRoom !== undefined);
  expect(pair.webSocket.isPaused).toBe(true);
  expect(inbox.heldBytes()).toBeLessThan(200_000);
  mayRead = true;
  onRoom?.();
  await untilTrue(() => taken.length === 2);
  expect(taken[1]?.text).toHaveLength(5_000_000);
});

test('gives the memory of an incomplete message back when the connection has closed', async () => {
  const pieces: Buffer[] = [];
  pair.stream.on('data', (piece: Buffer) => pieces.push(piece));
  sendPart(300_000);
  await untilTrue(() => inbox.heldBytes() >= 300_000);
  pair.client.terminate();
  await once(pair.webSocket, 'close');
  inbox.clear();
  expect(inbox.heldBytes()).toBe(0);
  // Small ones may share their memory with others.
  const bytesLeft = pieces.map(({ buffer }) => buffer.byteLength).filter((bytes) => bytes > 32 * 1024);
  expect(pieces.length).toBeGreaterThan(1);
  expect(bytesLeft).toEqual([]);
});

test('takes nothing once the connection is being closed', async () => {
  pair.client.pause();
  pair.webSocket.close(4500);
  for (let i = 0; i < 100; i += 1) pair.client.send(`message ${i}`);
  pair.client.resume();
  await once(pair.client, 'close');
  expect(taken).toEqual([]);
});

test('takes nothing more of what waits when the connection has closed', async () => {
  for (let i = 0; i < 100; i += 1) pair.client.send(`message ${i}`);
  await untilTrue(() => taken.length === 64 && pair.webSocket.isPaused);
  pair.webSocket.terminate();
  await once(pair.webSocket, 'close');
  inbox.clear();
  for (const { answer } of taken) answer();
  await untilTrue(() => inbox.heldBytes() === 0);
  expect(taken).toHaveLength(64);
});
