/**
 * The sending side of one connection. Frames wait here, and are handed to its carrier in small pieces: so what the client
 * has taken shows, a ping overtakes what waits, and what is held is known. The first piece of a tick goes out at once, and
 * all that follow in one system call.
 * Nothing is ever refused: whoever has much to send asks `hasRoom` first, and goes on at `onRoom`.
 */
import type { Writable } from 'node:stream';
import { type Batch, createBatch } from './batch.ts';

/** After so many bytes the client is pinged: its pongs tell that it reads, however much the network holds. */
const PING_EVERY_BYTES = 64 * 1024;

/** What frames are sent over: a WebSocket, or the answer to an HTTP request. */
export type Carrier = {
  /** Its buffer is what the network has not taken yet. */
  readonly stream: Pick<Writable, 'cork' | 'uncork' | 'on' | 'writableLength' | 'writableNeedDrain'>;
  isOpen(): boolean;
  /** A text as the bytes of a frame. */
  frame(text: string): Buffer;
  /** Hands frames to the stream, as bytes. */
  write(frames: Buffer): void;
  /** Asks the client for a sign of life, where the transport has one. */
  ping(): void;
};

export type Outbox = {
  /** Sends a text frame, or a batch of them; does nothing when the carrier is closed. */
  send(frame: string | Batch): void;
  /** What is sent in this tick goes out in one system call, from the first piece on. */
  gather(): void;
  hasRoom(): boolean;
  /** How much may wait before `hasRoom` says no, in bytes. */
  roomBytes(): number;
  /** What waits, here and in the stream, in bytes. */
  waitingBytes(): number;
  /** What the network has taken so far, in bytes. */
  takenBytes(): number;
  /** What waits here. */
  batches(): Iterable<Batch>;
  /** Hands everything over at once: the carrier is about to be closed. */
  flush(): void;
  /** Drops what waits. */
  clear(): void;
};

let ticks = 1;
let isTickOver = true;

/** A number for what runs until the next tick, the same for all outboxes. */
function currentTick(): number {
  if (!isTickOver) return ticks;
  isTickOver = false;
  ticks += 1;
  process.nextTick(() => {
    isTickOver = true;
  });
  return ticks;
}

export function createOutbox(
  carrier: Carrier,
  watch: {
    /** How much may wait before `hasRoom` says no. */
    roomBytes(): number;
    /** Called when there is room again. */
    onRoom(): void;
    onGrown(bytes: number): void;
  },
): Outbox {
  const { stream } = carrier;
  let queue: Batch[] = [];
  /** Of the first batch, the pieces that have been handed over. */
  let handedOver = 0;
  let queuedBytes = 0;
  let sentBytes = 0;
  let pingedAtBytes = 0;
  let corked = false;
  let lastTick = 0;

  function cork(): void {
    if (corked) return;
    corked = true;
    stream.cork();
    process.nextTick(() => {
      corked = false;
      stream.uncork();
    });
  }

  function handOver(takesMore: () => boolean): void {
    while (queue.length > 0 && takesMore()) {
      const [batch] = queue as [Batch];
      const piece = batch.pieces[handedOver];
      handedOver += 1;
      if (piece) transmit(piece);
      if (handedOver < batch.pieces.length) continue;
      queue.shift();
      queuedBytes -= batch.bytes;
      handedOver = 0;
    }
  }

  function transmit(piece: Buffer): void {
    // Most connections send one piece in a tick: they need no cork.
    const tick = currentTick();
    if (tick === lastTick) cork();
    lastTick = tick;
    carrier.write(piece);
    sentBytes += piece.length;
    if (sentBytes - pingedAtBytes < PING_EVERY_BYTES) return;
    pingedAtBytes = sentBytes;
    carrier.ping();
  }

  const isReady = () => carrier.isOpen() && !stream.writableNeedDrain;
  const waitingBytes = () => queuedBytes + stream.writableLength;
  const hasRoom = () => waitingBytes() < watch.roomBytes();

  stream.on('drain', () => {
    handOver(isReady);
    if (hasRoom()) watch.onRoom();
  });

  return {
    send(frame) {
      if (!carrier.isOpen()) return;
      const batch = typeof frame === 'string' ? createBatch([carrier.frame(frame)]) : frame;
      queue.push(batch);
      queuedBytes += batch.bytes;
      handOver(isReady);
      watch.onGrown(batch.bytes);
    },
    gather: cork,
    hasRoom,
    roomBytes: watch.roomBytes,
    waitingBytes,
    takenBytes: () => sentBytes - stream.writableLength,
    batches: () => queue,
    flush: () => handOver(carrier.isOpen),
    clear() {
      queue = [];
      queuedBytes = 0;
      handedOver = 0;
    },
  };
}
