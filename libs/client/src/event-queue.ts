/**
 * One iterator's events, between their arrival and the `for await` that takes them. Bounded: when it is full it
 * takes nothing more, and when it is empty again the log is read again from where it stopped.
 */
import { isTerminalEvent, type JobEvent } from '@cc-executor/protocol/plain';
import { createDeferred, type Deferred } from './deferred.ts';
import type { Listener } from './subscription.ts';

export type EventQueue = Listener & {
  readonly iterator: AsyncIterableIterator<JobEvent>;
  /** Ends the iterator with the signal's reason; what has arrived is dropped. */
  endBy(signal: AbortSignal | undefined): void;
};

export type EventQueueOptions = {
  afterSeq: number;
  /** How much may wait, in UTF-16 units of the frames. */
  maxSize: number;
  /** It was full and is empty: give it what follows `lastSeq`. */
  onHungry: () => void;
  /** The consumer left its loop. */
  onReturn: () => void;
};

export function createEventQueue(options: EventQueueOptions): EventQueue {
  const items: { event: JobEvent; size: number }[] = [];
  const waiting: Deferred<IteratorResult<JobEvent>>[] = [];
  let lastSeq = options.afterSeq;
  let size = 0;
  let isFull = false;
  let hasEnded = false;
  let forgetSignal = () => {};
  let error: { reason: unknown } | undefined;

  function serve(): void {
    while (waiting.length > 0) {
      const item = items.shift();
      if (item) {
        size -= item.size;
        waiting.shift()?.resolve({ done: false, value: item.event });
      } else if (error) {
        const { reason } = error;
        // Thrown once; after that the iterator is at its end, as a generator would be.
        error = undefined;
        waiting.shift()?.reject(reason);
      } else if (hasEnded) {
        forgetSignal();
        waiting.shift()?.resolve({ done: true, value: undefined });
      } else {
        break;
      }
    }
    if (waiting.length > 0 && isFull) {
      isFull = false;
      options.onHungry();
    }
  }

  function leave(reason?: unknown): void {
    forgetSignal();
    hasEnded = true;
    items.length = 0;
    error = reason === undefined ? undefined : { reason };
    serve();
    options.onReturn();
  }

  const iterator: AsyncIterableIterator<JobEvent> = {
    next() {
      const next = createDeferred<IteratorResult<JobEvent>>();
      waiting.push(next);
      serve();
      return next.promise;
    },
    async return() {
      leave();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };

  return {
    iterator,
    get lastSeq() {
      return lastSeq;
    },
    get isListening() {
      return !isFull && !hasEnded;
    },
    take(event, eventSize) {
      if (hasEnded || isFull) return;
      if (items.length > 0 && size + eventSize > options.maxSize) {
        isFull = true;
        return;
      }
      if (event.seq > lastSeq) {
        lastSeq = event.seq;
        size += eventSize;
        items.push({ event, size: eventSize });
      }
      if (isTerminalEvent(event)) hasEnded = true;
      serve();
    },
    fail(reason) {
      if (hasEnded) return;
      hasEnded = true;
      error = { reason };
      serve();
    },
    endBy(signal) {
      const abort = () => leave(signal?.reason);
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
      forgetSignal = () => signal?.removeEventListener('abort', abort);
    },
  };
}
