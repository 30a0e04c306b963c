/**
 * The sending side of one connection. Frames wait here until the end of the tick, and are handed to the carrier in small
 * pieces, as it takes them: so what the client has taken shows, a ping overtakes what waits, and what is held is known.
 * Nothing is ever refused: whoever has much to send asks `hasRoom` first, and goes on at `onRoom`.
 */
import type { Writable } from 'node:stream';
import { type Batch, createBatch, type Piece, pieceBytes } from './batch.ts';
import type { Rounds } from './rounds.ts';

/** After so many bytes the client is pinged: its pongs tell that it reads, however much the network holds. */
const PING_EVERY_BYTES = 64 * 1024;

/** What frames are sent over: a WebSocket, or the answer to an HTTP request. */
export type Carrier = {
  /** Its buffer is what the network has not taken yet. */
  readonly stream: Pick<Writable, 'cork' | 'uncork' | 'on' | 'writableLength' | 'writableNeedDrain'>;
  isOpen(): boolean;
  /** A text as the bytes of a frame. */
  frame(text: string): Buffer;
  /** Hands bytes of frames to the stream. */
  write(bytes: Buffer): void;
  /** Asks the client for a sign of life, where the transport has one. */
  ping(): void;
};

export type Outbox = {
  /** Sends a text frame, or a batch of them; does nothing when the carrier is closed. */
  send(frame: string | Batch): void;
  /** The same, but it may wait for what follows. */
  sendPatiently(batch: Batch): void;
  /** Hands over now what waits for the end of the tick, or for others: what is left is what the client does not take. */
  depart(): void;
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

export function createOutbox(
  carrier: Carrier,
  watch: {
    /** How much may wait before `hasRoom` says no. */
    roomBytes(): number;
    /** Called when there is room again. */
    onRoom(): void;
    onGrown(bytes: number): void;
    rounds: Rounds;
  },
): Outbox {
  const { stream } = carrier;
  let queue: Batch[] = [];
  /** Of the first batch, the pieces that have been handed over. */
  let handedOver = 0;
  let queuedBytes = 0;
  let sentBytes = 0;
  let pingedAtBytes = 0;
  let due: 'no' | 'patiently' | 'soon' = 'no';

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

  function transmit(piece: Piece): void {
    if (Buffer.isBuffer(piece)) carrier.write(piece);
    else writeTogether(piece);
    sentBytes += pieceBytes(piece);
    if (sentBytes - pingedAtBytes < PING_EVERY_BYTES) return;
    pingedAtBytes = sentBytes;
    carrier.ping();
  }

  /** In one system call, as if it were one buffer. */
  function writeTogether(buffers: readonly Buffer[]): void {
    stream.cork();
    for (const buffer of buffers) carrier.write(buffer);
    stream.uncork();
  }

  const isReady = () => carrier.isOpen() && !stream.writableNeedDrain;
  const waitingBytes = () => queuedBytes + stream.writableLength;
  const hasRoom = () => waitingBytes() < watch.roomBytes();

  stream.on('drain', () => {
    handOver(isReady);
    if (hasRoom()) watch.onRoom();
  });

  /** In one system call. In a round it is called once more than needed where what waited patiently went with something else. */
  function depart(): void {
    due = 'no';
    const [first] = queue;
    if (!first) return;
    const wasFull = !hasRoom();
    const isOne = queue.length === 1 && first.pieces.length === 1;
    if (!isOne) stream.cork();
    handOver(isReady);
    if (!isOne) stream.uncork();
    // What the network takes at once is followed by no 'drain'.
    if (wasFull && hasRoom()) watch.onRoom();
  }

  function add(batch: Batch): void {
    queue.push(batch);
    queuedBytes += batch.bytes;
    watch.onGrown(batch.bytes);
  }

  return {
    send(frame) {
      if (!carrier.isOpen()) return;
      add(typeof frame === 'string' ? createBatch([carrier.frame(frame)]) : frame);
      if (due === 'soon') return;
      due = 'soon';
      watch.rounds.join(depart);
    },
    sendPatiently(batch) {
      if (!carrier.isOpen()) return;
      add(batch);
      if (due !== 'no') return;
      due = 'patiently';
      watch.rounds.joinPatiently(depart);
    },
    depart,
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
