/**
 * Stops listening without breaking a caller off. The system completes connections before we see them, and those that
 * wait to be taken when the port is closed are reset: their callers cannot know whether their request was begun, and give
 * the job up. So the port is closed in the instant after all that waited were taken, and what was taken is answered.
 * Left is whoever comes within that instant, which is microseconds unless the machine is so busy that we are interrupted.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { within } from '@cc-executor/runtime';

/** A caller says by it that it will leave this connection, or use it again, within a second of the answer. */
const KEEPS_CONNECTION = 'x-keeps-connection';
/** A turn of the event loop this short has not been interrupted, so that hardly a connection can have come since, in ms. */
const SHORT_TURN_MS = 0.1;
/** Callers come in bursts: the port is closed between two of them, in ms. */
const QUIET_MS = 3;
/** Where they come without a break, it is closed between two callers, in ms. */
const LONGEST_MS = 300;
/** On a machine so busy that no turn is short, it is closed all the same, in ms. */
const MOST_MS = 3_000;

export type Door = {
  /**
   * Closes the port; connections stay. Resolves when everybody who had connected has sent a request or has left, and
   * whoever keeps its connection for the next request has left, too.
   * @param withinMs who has not by then is waited for no longer
   */
  close(withinMs: number): Promise<void>;
};

/** Keeps account of who has connected to an HTTP server, from before it listens. */
export function watchDoor(server: Server): Door {
  const silent = new Set<Socket>();
  let taken = 0;
  let becameHeard = () => {};

  function heard(socket: Socket): void {
    silent.delete(socket);
    if (silent.size === 0) becameHeard();
  }

  server.on('connection', (socket: Socket) => {
    taken += 1;
    silent.add(socket);
    socket.once('close', () => heard(socket));
  });
  server.on('request', ({ socket, headers }: IncomingMessage, response: ServerResponse) => {
    heard(socket);
    if (headers[KEEPS_CONNECTION] === undefined) return;
    // Soon it sends its next request, or leaves.
    response.once('close', () => {
      if (!socket.destroyed) silent.add(socket);
    });
  });

  /** Nobody waits any more after a turn in which nobody was taken; in others Node takes one. */
  async function untilNobodyWaits(): Promise<void> {
    const startedAt = performance.now();
    let quietFrom = startedAt;
    while (true) {
      const [from, before] = [performance.now(), taken];
      await setImmediate();
      const now = performance.now();
      if (taken !== before) quietFrom = now;
      else if (now - from < SHORT_TURN_MS && (now - quietFrom > QUIET_MS || now - startedAt > LONGEST_MS))
        return;
      if (now - startedAt > MOST_MS) return;
    }
  }

  return {
    async close(withinMs) {
      await untilNobodyWaits();
      // An HTTP server's own would close connections, too, that have sent nothing yet.
      Server.prototype.close.call(server);
      if (silent.size === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      becameHeard = resolve;
      await within(promise, withinMs, { late: () => undefined });
    },
  };
}
