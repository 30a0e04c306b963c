/**
 * Connections for calls: one call at a time on each. One on which a call ended in good order is kept for a moment, because
 * in a burst the next call comes at once, and a new connection costs more than a short call.
 * Invariant: nothing is written to one that is known to be closed. undici looks before it writes, after a turn of the event
 * loop; only who closes within the instant that the request is under way takes it along.
 */
import type { Socket } from 'node:net';
import { Client } from './undici.ts';

/** Shorter than any server keeps a connection open, and than what a lost host would go unnoticed for, in ms. */
const KEPT_MS = 500;
/** An older connection is not kept: an instance that is added later gets its share, in ms. */
const MAX_AGE_MS = 10_000;

export type Connect = (callback: (...result: [null, Socket] | [Error, null]) => void) => void;

export type Connection = {
  readonly client: Client;
  /** Of the last `connect` that succeeded. */
  readonly socket: Socket | undefined;
};

export type Connections = {
  /** `connect` is called when there is none, before anything is sent. */
  take(connect: Connect): Connection;
  /** Keeps a connection whose call has ended, or lets it go. */
  giveBack(connection: Connection): void;
  /** Lets go of those that are kept. */
  close(): void;
};

/** Why a connection is let go; made once, because a stack trace for each costs more than the connection. */
export const RELEASED = new Error('the call is over');

type Held = Connection & { socket: Socket | undefined; connect: Connect; readonly openedAt: number };

export function createConnections(target: URL): Connections {
  const kept = new Set<Held>();
  let isClosed = false;

  function open(connect: Connect): Held {
    const client = new Client(target.origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      keepAliveTimeout: KEPT_MS,
      keepAliveMaxTimeout: KEPT_MS,
      connect: (_target, callback) =>
        held.connect((error, socket) => {
          if (error) return callback(error, null);
          held.socket = socket;
          callback(null, socket);
        }),
    });
    const held: Held = { client, socket: undefined, connect, openedAt: performance.now() };
    client.on('disconnect', () => {
      if (kept.delete(held)) destroy(held);
    });
    return held;
  }

  return {
    take(connect) {
      for (const held of kept) {
        kept.delete(held);
        held.connect = connect;
        return held;
      }
      return open(connect);
    },
    giveBack(connection) {
      const held = connection as Held;
      if (isClosed || performance.now() - held.openedAt > MAX_AGE_MS) destroy(held);
      else kept.add(held);
    },
    close() {
      isClosed = true;
      for (const held of kept) destroy(held);
      kept.clear();
    },
  };
}

function destroy({ client }: Connection): void {
  // A second time it rejects, which says nothing new.
  if (!client.destroyed) void client.destroy(RELEASED);
}
