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
  /**
   * Begins the work when the turn of its connection has come, among those of the tenant. Rejects with `ConnectionClosedError` when
   * that is closed.
   */
  take(socket: Socket, tenant: string, work: () => Promise<void>): Promise<void>;
};

type Queue = { waiting: (() => void)[]; turn: Turn };

export function createSocketTurns(turns: Turns): SocketTurns {
  // A proxy sends the requests of several tenants over one connection.
  const sockets = new WeakMap<Socket, { underWay: number; queues: Map<string, Queue> }>();

  function openQueue(tenant: string): Queue {
    const waiting: (() => void)[] = [];
    const turn = turns.of(tenant).add(() => {
      waiting.shift()?.();
      return waiting.length > 0;
    });
    return { waiting, turn };
  }

  return {
    async take(socket, tenant, work) {
      const own = sockets.get(socket) ?? { underWay: 0, queues: new Map<string, Queue>() };
      sockets.set(socket, own);
      const queue = own.queues.get(tenant) ?? openQueue(tenant);
      own.queues.set(tenant, queue);
      own.underWay += 1;
      try {
        if (own.underWay > MAX_UNDER_WAY) socket.destroy();
        await new Promise<void>((resolve, reject) => {
          // Begun in here, and not when the promise is found settled: the time that it takes is its connection's.
          queue.waiting.push(() => {
            if (socket.destroyed) reject(new ConnectionClosedError());
            else work().then(resolve, reject);
          });
          queue.turn.want();
        });
      } finally {
        own.underWay -= 1;
      }
    },
  };
}
