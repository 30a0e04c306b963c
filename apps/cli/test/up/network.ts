/** The end of a process as seen from a connection to it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

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
