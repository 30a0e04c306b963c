/** WebSocket connections on bare sockets, for clients that do what no library lets them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What the first byte of a frame says: whether it is the last of its message, and what kind it is. */
export const FINAL_TEXT = 0x81;

const MASKED = 0x80;
const LENGTH_IN_8_BYTES = 127;

/** Connects to a gateway's native door; rejects when it does not let us in. What is sent from then on is read by nobody. */
export async function openBareSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    [
      'GET /ws HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Protocol: cc-executor.v1',
      '\r\n',
    ].join('\r\n'),
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error('no upgrade');
  return socket;
}

/** The head of a frame of so many bytes; its mask is zero, so that the payload stands as it is. */
export function frameHead(bytes: number, firstByte: number = FINAL_TEXT): Buffer {
  const head = Buffer.alloc(14);
  head[0] = firstByte;
  head[1] = MASKED | LENGTH_IN_8_BYTES;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}

/** A whole frame. */
export function bareFrame(payload: Buffer, firstByte: number = FINAL_TEXT): Buffer {
  return Buffer.concat([frameHead(payload.length, firstByte), payload]);
}
