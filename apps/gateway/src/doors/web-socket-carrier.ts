/** What an outbox sends over, where that is a WebSocket. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Carrier } from './outbox.ts';
import { textFrame } from './text-frame.ts';

/** `stream` is the socket under the WebSocket. */
export function overWebSocket(webSocket: WebSocket, stream: Duplex): Carrier {
  return {
    stream,
    isOpen: () => webSocket.readyState === webSocket.OPEN,
    frame: textFrame,
    // Past the WebSocket, which would frame each once more for each connection; without compression nothing waits in it.
    write: (frames) => void stream.write(frames),
    ping: () => webSocket.ping(),
  };
}
