/**
 * The sending side of one WebSocket. Frames wait here, and are handed to the socket in small pieces: so what the client
 * has taken shows, a ping overtakes what waits, and what is held is known. Frames of one tick go out in one system call.
 * Nothing is ever refused: whoever has much to send asks `hasRoom` first, and goes on at `onRoom`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type Batch, createBatch } from './batch.ts';

/** After so many bytes the client is pinged: its pongs tell that it reads, however much the network holds. */
const PING_EVERY_BYTES = 64 * 1024;

export type Outbox = {
  /** Sends a text frame, or a batch of them; does nothing on a closed socket. */
  send(frame: string | Batch): void;
  hasRoom(): boolean;
  /** How much may wait before `hasRoom` says no, in bytes. */
  roomBytes(): number;
  /** What waits, here and in the socket, in bytes. */
  waitingBytes(): number;
  /** What the network has taken so far, in bytes. */
  takenBytes(): number;
  /** What waits here. */
  batches(): Iterable<Batch>;
  /** Hands everything to the socket at once: it is about to be closed. */
  flush(): void;
  /** Drops what waits. */
  clear(): void;
};

/** `stream` is the socket under the WebSocket. */
export function createOutbox(
  webSocket: WebSocket,
  stream: Duplex,
  watch: {
    /** How much may wait before `hasRoom` says no. */
    roomBytes(): number;
    /** Called when there is room again. */
    onRoom(): void;
    onGrown(bytes: number): void;
  },
): Outbox {
  let queue: Batch[] = [];
  /** Of the first batch, the frames that have been handed over. */
  let handedOver = 0;
  let queuedBytes = 0;
  let sentBytes = 0;
  let pingedAtBytes = 0;
  let corked = false;

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
      const frame = batch.frames[handedOver];
      handedOver += 1;
      if (frame) transmit(frame);
      if (handedOver < batch.frames.length) continue;
      queue.shift();
      queuedBytes -= batch.bytes;
      handedOver = 0;
    }
  }

  function transmit(frame: Buffer): void {
    cork();
    webSocket.send(frame, { binary: false });
    sentBytes += frame.length;
    if (sentBytes - pingedAtBytes < PING_EVERY_BYTES) return;
    pingedAtBytes = sentBytes;
    webSocket.ping();
  }

  const isReady = () => webSocket.readyState === webSocket.OPEN && !stream.writableNeedDrain;
  const waitingBytes = () => queuedBytes + stream.writableLength;
  const hasRoom = () => waitingBytes() < watch.roomBytes();

  stream.on('drain', () => {
    handOver(isReady);
    if (hasRoom()) watch.onRoom();
  });

  return {
    send(frame) {
      if (webSocket.readyState !== webSocket.OPEN) return;
      const batch = typeof frame === 'string' ? createBatch([frame]) : frame;
      queue.push(batch);
      queuedBytes += batch.bytes;
      handOver(isReady);
      watch.onGrown(batch.bytes);
    },
    hasRoom,
    roomBytes: watch.roomBytes,
    waitingBytes,
    takenBytes: () => sentBytes - stream.writableLength,
    batches: () => queue,
    flush: () => handOver(() => webSocket.readyState === webSocket.OPEN),
    clear() {
      queue = [];
      queuedBytes = 0;
      handedOver = 0;
    },
  };
}
