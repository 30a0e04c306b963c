/**
 * The sending side of one WebSocket. Frames of one tick go out in one system call. `send()` of a socket never
 * blocks, it buffers: so whoever has much to send asks `hasRoom` first, and goes on at `onRoom`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Above this many buffered bytes a listener gets no more events until the buffer has drained. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** Above this, with answers and heartbeats alone, the client does not read at all. */
const OVERFLOW_BYTES = 8 * 1024 * 1024;

export type Outbox = {
  /** Sends a text frame; does nothing on a closed socket. */
  send(frame: string | Buffer): void;
  hasRoom(): boolean;
  /** The client does not read. */
  isOverflowing(): boolean;
};

/** `socket` is the stream under the WebSocket; `onRoom` is called whenever its buffer has drained. */
export function createOutbox(webSocket: WebSocket, socket: Duplex, onRoom: () => void): Outbox {
  let corked = false;

  function cork(): void {
    if (corked) return;
    corked = true;
    socket.cork();
    process.nextTick(() => {
      corked = false;
      socket.uncork();
    });
  }

  socket.on('drain', onRoom);

  return {
    send(frame) {
      if (webSocket.readyState !== webSocket.OPEN) return;
      cork();
      webSocket.send(frame, { binary: false });
    },
    hasRoom: () => webSocket.bufferedAmount < HIGH_WATER_BYTES,
    isOverflowing: () => webSocket.bufferedAmount > OVERFLOW_BYTES,
  };
}
