/**
 * Whose HTTP request is begun next: a connection has its turn among all those of the gateway, WebSockets too. Who sends
 * requests without waiting for answers has few of them under way, and is cut off beyond that.
 */
import type { Socket } from 'node:net';
import { ConnectionClosedError } from '../../listening/read-turns.ts';
import type { Turn, Turns } from '../turns.ts';

/** Requests of one connection that may be under way at once. */
const MAX_UNDER_WAY = 16;

export type SocketTurns = {
  /** Begins the work when its connection's turn has come. Rejects with `ConnectionClosedError` when that is closed. */
  take(socket: Socket, work: () => Promise<void>): Promise<void>;
};

export function createSocketTurns(turns: Turns): SocketTurns {
  const queues = new WeakMap<Socket, { waiting: (() => void)[]; underWay: number; turn: Turn }>();

  function queueOf(socket: Socket) {
    const known = queues.get(socket);
    if (known) return known;
    const waiting: (() => void)[] = [];
    const turn = turns.add(() => {
      waiting.shift()?.();
      return waiting.length > 0;
    });
    const queue = { waiting, underWay: 0, turn };
    queues.set(socket, queue);
    return queue;
  }

  return {
    async take(socket, work) {
      const queue = queueOf(socket);
      queue.underWay += 1;
      try {
        if (queue.underWay > MAX_UNDER_WAY) socket.destroy();
        await new Promise<void>((resolve, reject) => {
          // Begun in here, and not when the promise is found settled: the time that it takes is its connection's.
          queue.waiting.push(() => {
            if (socket.destroyed) reject(new ConnectionClosedError());
            else work().then(resolve, reject);
          });
          queue.turn.want();
        });
      } finally {
        queue.underWay -= 1;
      }
    },
  };
}
