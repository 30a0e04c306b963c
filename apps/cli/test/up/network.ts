/** Free ports, and the end of a process as seen from a connection to it. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listen } from '@cc-executor/runtime';

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** A connection that is left open; `ended` resolves when the other side is gone. */
export async function holdConnection(port: number): Promise<{ ended: Promise<void>; socket: Socket }> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  // A reset is an end, too.
  socket.on('error', () => {});
  socket.resume();
  return { socket, ended: new Promise((resolve) => socket.once('close', () => resolve())) };
}

export async function isRefused(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
