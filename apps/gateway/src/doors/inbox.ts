/**
 * The receiving side of one WebSocket. Requests are taken in the order in which they came, when it is the connection's
 * turn; a client that sends faster than it is answered, or does not take its answers, is not read from meanwhile. Knows
 * what is held of frames that are not complete: the WebSocket library tells of them only when they are.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MemoryBudget } from './memory-budget.ts';
import type { TenantTurns } from './turns.ts';

/** Requests of one connection that may be under way at once, and what their frames may have in bytes; one may always. */
const MAX_UNDER_WAY = 64;
const MAX_UNDER_WAY_BYTES = 4 * 1024 * 1024;
/** Requests that may wait for their turn while more is read, and what their frames may have in bytes. */
const MAX_WAITING = 16;
const MAX_WAITING_BYTES = 16 * 1024;
/** What a request holds besides its frame, in frames: its text and what is parsed of it. */
const COPIES = 3;
/** What a piece that came in holds besides its bytes: many small pieces make a large frame, too. */
const PIECE_BYTES = 512;
/** So much of a frame is read without asking whether there is memory for more. */
const MAX_UNASKED_BYTES = 16 * 1024;
/** A smaller buffer may share its memory with others: Node cuts them out of larger ones. */
const MAX_POOLED_BYTES = Buffer.poolSize / 2;
/** A frame's head, at most. */
const HEAD_BYTES = 14;

export type Inbox = {
  /** What is held for incomplete frames, what came behind them and is not read, and requests, in bytes. */
  heldBytes(): number;
  /**
   * The bytes that the client sent for it, those of an incomplete frame as many times as it has been incomplete for seconds:
   * one that will never be complete weighs more in the end than a large one that soon will be.
   */
  blame(): number;
  /** There may be room for answers again. */
  resume(): void;
  /** Lets everything go: the WebSocket has closed. */
  clear(): void;
};

/**
 * Reads from the WebSocket from now on. `take` does what a message asks for and never rejects.
 * @param watch.mayTake whether there is room for answers
 */
export function createInbox(
  webSocket: WebSocket,
  stream: Duplex,
  take: (message: Buffer, isBinary: boolean) => Promise<void>,
  watch: { mayTake(): boolean; memory: Pick<MemoryBudget, 'grew' | 'mayRead'>; turns: TenantTurns },
): Inbox {
  const waiting: { message: Buffer; isBinary: boolean }[] = [];
  let waitingBytes = 0;
  let underWay = 0;
  let underWayBytes = 0;
  let incompleteBytes = 0;
  let pieces: Buffer[] = [];
  /** When the incomplete frame began. */
  let beganAt = 0;
  let waitsForMemory = false;

  // Before the library's own listener, which tells of the message that this piece completes.
  stream.prependListener('data', (piece: Buffer) => {
    if (incompleteBytes === 0) beganAt = performance.now();
    incompleteBytes += piece.length;
    pieces.push(piece);
    watch.memory.grew(piece.length + PIECE_BYTES);
    if (waitsForMemory || incompleteBytes <= MAX_UNASKED_BYTES) return;
    waitsForMemory = !watch.memory.mayRead(() => {
      waitsForMemory = false;
      pump();
    });
    if (waitsForMemory) pump();
  });

  /** A frame of so many bytes is complete; what came behind it, at most a piece, belongs to the next. */
  function complete(frameBytes: number): void {
    incompleteBytes = Math.max(0, Math.min(incompleteBytes - frameBytes, pieces.at(-1)?.length ?? 0));
    pieces = incompleteBytes > 0 ? pieces.slice(-1) : [];
    beganAt = performance.now();
  }

  function mayStart(): boolean {
    if (underWay === 0) return watch.mayTake();
    return underWay < MAX_UNDER_WAY && underWayBytes < MAX_UNDER_WAY_BYTES && watch.mayTake();
  }

  const turn = watch.turns.add(() => {
    const next = mayStart() ? waiting.shift() : undefined;
    if (next) {
      waitingBytes -= next.message.length;
      void start(next.message, next.isBinary);
    }
    pump();
    return waiting.length > 0 && mayStart();
  });

  /** Begins what may begin, and reads while there is need. */
  function pump(): void {
    const isAble = mayStart();
    if (waiting.length > 0 && isAble) turn.want();
    const isFull =
      waitsForMemory || !isAble || waiting.length > MAX_WAITING || waitingBytes > MAX_WAITING_BYTES;
    if (isFull && !webSocket.isPaused) webSocket.pause();
    else if (!isFull && webSocket.isPaused && webSocket.readyState === webSocket.OPEN) webSocket.resume();
  }

  async function start(message: Buffer, isBinary: boolean): Promise<void> {
    underWay += 1;
    underWayBytes += message.length;
    await take(message, isBinary);
    underWay -= 1;
    underWayBytes -= message.length;
    pump();
  }

  webSocket.on('message', (data, isBinary) => {
    const message = data as Buffer;
    complete(message.length + HEAD_BYTES);
    // Nobody would be answered.
    if (webSocket.readyState !== webSocket.OPEN) return;
    waiting.push({ message, isBinary });
    waitingBytes += message.length;
    pump();
  });
  for (const control of ['ping', 'pong'] as const) {
    webSocket.on(control, ({ length }) => {
      incompleteBytes = Math.max(0, incompleteBytes - length - HEAD_BYTES);
      if (incompleteBytes === 0) pieces = [];
      // A pong waits to be sent, as any answer does.
      pump();
    });
  }

  return {
    heldBytes: () =>
      stream.readableLength +
      incompleteBytes +
      pieces.length * PIECE_BYTES +
      waitingBytes +
      underWayBytes * (1 + COPIES),
    blame: () => incompleteBytes * (1 + (performance.now() - beganAt) / 1_000) + waitingBytes + underWayBytes,
    resume: pump,
    clear() {
      turn.leave();
      waiting.length = 0;
      waitingBytes = 0;
      incompleteBytes = 0;
      // Nobody reads them any more. The garbage collector would free them later, and does not know that memory is short.
      for (const piece of pieces.splice(0)) free(piece);
    },
  };
}

/** Gives back the memory of what came in, at once. */
function free({ buffer, byteOffset, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && length > MAX_POOLED_BYTES) buffer.transfer(0);
}
