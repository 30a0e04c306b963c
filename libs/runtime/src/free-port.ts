/**
 * Finds a port for a server that is started later, often by another process. It lies below those that systems give to
 * whoever asks for none (on Linux from 32768): until it is needed, no connection and no other server gets it by chance.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { listen } from './listen.ts';

const LOWEST = 20_000;
const HIGHEST = 32_767;

const given = new Set<number>();

/**
 * Resolves with a port that nobody listens on; with another one each time, in this process.
 *
 * @throws Error with `code` EADDRNOTAVAIL … where it is not the port that is wrong
 */
export async function findFreePort(
  host: string,
  draw = () => randomInt(LOWEST, HIGHEST + 1),
): Promise<number> {
  for (;;) {
    const port = draw();
    if (given.has(port)) continue;
    try {
      await checkPort({ host, port });
      given.add(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** Whether a server could listen: rejects with why not, as `listen` does. */
export async function checkPort(options: Parameters<typeof listen>[1]): Promise<void> {
  const server = createServer();
  try {
    await listen(server, options);
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
