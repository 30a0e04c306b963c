/**
 * One direction of a proxied connection: what comes from `source` goes to `sink`, through the faults in force.
 * Invariants: what is delivered is always a prefix of what was sent, in order, as on TCP; so a lane that has lost bytes
 * forwards nothing more.
 */
import type { Socket } from 'node:net';

/** Faults of one direction, as data; all of them may change while bytes are on their way. */
export type LaneFaults = {
  /** Everything arrives this much later. */
  delayMs?: number;
  /** Forwards nothing and loses nothing, like a network that is cut: bytes and closings wait for the fault's end. */
  hold?: boolean;
  /** Takes everything and passes nothing on, closings neither. A connection that lost bytes this way stays so. */
  swallow?: boolean;
  /** Closes this direction (FIN) behind what was sent so far; the other one runs on. */
  halfClose?: boolean;
  bytesPerSecond?: number;
  /** Cuts the connection when so many bytes have passed since the fault was set or the connection made. */
  cutAfterBytes?: number;
};

/** What travels on a lane. `cut` ends the connection when everything before it was delivered. */
export type LaneItem = Buffer | 'fin' | 'rst' | 'cut';

export type LaneOptions = {
  source: Socket;
  sink: Socket;
  /** Turns the bytes that came into what is sent; default is the bytes. */
  tap: (bytes: Buffer) => LaneItem[];
  onForwarded: (bytes: number) => void;
  onSwallowed: (bytes: number) => void;
  /** The connection is to be cut now. */
  onCut: () => void;
};

export type Lane = {
  set(faults: LaneFaults): void;
  /** Forwards nothing more; what arrives is thrown away. */
  stop(): void;
};

/** Above this, the sender is made to wait, as by a full socket buffer. */
const HIGH_WATER_BYTES = 256 * 1024;
/** A throttled lane sends pieces of so many milliseconds' worth. */
const THROTTLE_SLICE_MS = 20;

/** Resets a socket. One that is being ended already cannot be: Node would never emit its 'close'. */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Starts forwarding. */
export function createLane({ source, sink, tap, onForwarded, onSwallowed, onCut }: LaneOptions): Lane {
  const queue: { item: LaneItem; arrivedAt: number }[] = [];
  let queuedBytes = 0;
  let faults: LaneFaults = {};
  let bytesLeft = Number.POSITIVE_INFINITY;
  let freeAt = 0;
  let isDeaf = false;
  let isStopped = false;
  let isWriting = false;
  let timer: NodeJS.Timeout | undefined;

  function take(item: LaneItem): void {
    if (isStopped) return;
    if (isDeaf) {
      if (typeof item !== 'string') onSwallowed(item.length);
      return;
    }
    queue.push({ item, arrivedAt: performance.now() });
    if (typeof item !== 'string') queuedBytes += item.length;
  }

  function flow(): void {
    if (isStopped || isDeaf || (!faults.hold && queuedBytes < HIGH_WATER_BYTES)) source.resume();
    else source.pause();
  }

  /** Sends what may be sent now, and arranges to be called when more may. */
  function pump(): void {
    clearTimeout(timer);
    flow();
    while (!isStopped && !isWriting && !faults.hold) {
      const head = queue[0];
      if (head === undefined) return;
      const waitMs = Math.max(head.arrivedAt + (faults.delayMs ?? 0), freeAt) - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(pump, waitMs);
        return;
      }
      if (typeof head.item === 'string') {
        queue.shift();
        finish(head.item);
      } else if (bytesLeft <= 0) {
        onCut();
      } else {
        send(head as { item: Buffer });
      }
    }
  }

  function send(head: { item: Buffer }): void {
    const { bytesPerSecond: rate } = faults;
    const slice = rate ? Math.max(1, Math.floor((rate * THROTTLE_SLICE_MS) / 1_000)) : head.item.length;
    const bytes = head.item.subarray(0, Math.min(slice, bytesLeft, head.item.length));
    if (bytes.length === head.item.length) queue.shift();
    else head.item = head.item.subarray(bytes.length);
    queuedBytes -= bytes.length;
    bytesLeft -= bytes.length;
    if (rate) freeAt = performance.now() + (bytes.length * 1_000) / rate;
    isWriting = true;
    sink.write(bytes, (error) => {
      isWriting = false;
      // Whoever closed the sink has seen to the connection.
      if (error || isStopped) return;
      onForwarded(bytes.length);
      if (bytesLeft <= 0) onCut();
      else pump();
    });
  }

  function finish(end: 'fin' | 'rst' | 'cut'): void {
    if (end === 'cut') onCut();
    else if (end === 'fin') sink.end();
    else resetSocket(sink);
  }

  source.on('data', (bytes: Buffer) => {
    if (!isStopped) for (const item of tap(bytes)) take(item);
    pump();
  });
  source.on('end', () => {
    take('fin');
    pump();
  });
  source.on('error', () => {
    take('rst');
    pump();
  });

  return {
    set(next) {
      faults = next;
      freeAt = 0;
      bytesLeft = next.cutAfterBytes ?? Number.POSITIVE_INFINITY;
      if (next.halfClose) take('fin');
      if (next.swallow || next.halfClose) isDeaf = true;
      pump();
    },
    stop() {
      isStopped = true;
      queue.length = 0;
      queuedBytes = 0;
      pump();
    },
  };
}
