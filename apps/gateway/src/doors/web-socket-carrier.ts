/** What an outbox sends over, where that is a WebSocket. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Carrier } from './outbox.ts';

/** `stream` is the socket under the WebSocket. */
export function overWebSocket(webSocket: WebSocket, stream: Duplex): Carrier {
  return {
    stream,
    isOpen: () => webSocket.readyState === webSocket.OPEN,
    transmit: (frame) => webSocket.send(frame, { binary: false }),
    ping: () => webSocket.ping(),
  };
}
