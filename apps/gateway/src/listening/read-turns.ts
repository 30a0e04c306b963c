/**
 * Lets one connection read logs, lists and records one after another, and only while the client has room: were all of
 * its attachments to read a page each whenever there is room, and all of its requests at once, a client with many of
 * them would be sent more than it can take.
 */
export type ReadTurns = {
  /** Does the work when its turn has come. Rejects with `ConnectionClosedError` when the connection is closed before. */
  take<T>(work: () => Promise<T>): Promise<T>;
  /** There may be room again. */
  resume(): void;
  /** Idempotent. */
  close(): void;
};

/** The client went: there is nobody to answer, and nothing went wrong. */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';

  constructor() {
    super('the connection is closed');
  }
}

export function createReadTurns(hasRoom: () => boolean): ReadTurns {
  const waiting: PromiseWithResolvers<void>[] = [];
  let isTaken = false;
  let closed = false;

  function next(): void {
    if (isTaken || !hasRoom()) return;
    const turn = waiting.shift();
    if (!turn) return;
    isTaken = true;
    turn.resolve();
  }

  function endTurn(): void {
    isTaken = false;
    next();
  }

  return {
    async take(work) {
      if (closed) throw new ConnectionClosedError();
      const turn = Promise.withResolvers<void>();
      waiting.push(turn);
      next();
      await turn.promise;
      try {
        return await work();
      } finally {
        // By then what was read has been sent, so that `hasRoom` knows of it.
        setImmediate(endTurn);
      }
    },
    resume: next,
    close() {
      closed = true;
      for (const turn of waiting.splice(0)) turn.reject(new ConnectionClosedError());
    },
  };
}
