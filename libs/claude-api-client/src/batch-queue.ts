/**
 * Hands items from a producer that cannot wait to a consumer that iterates. What gathers while the consumer is busy
 * comes as one batch; over the high-water mark the producer is asked to pause until the batch was taken.
 * Invariant: while paused there is something to take, so it cannot be stuck.
 */

export type BatchQueue<T> = {
  /** Items not taken yet; the producer appends to it and then calls `grew`. A new array after every batch. */
  readonly items: T[];
  /** Says that `bytes` more were read into `items`. */
  grew(bytes: number): void;
  /** Nothing more comes. */
  end(): void;
  readonly iterator: AsyncIterableIterator<T[]>;
};

/**
 * @param options.onPause, onResume backpressure on the producer
 * @param options.onStart is called when the consumer first asks
 * @param options.onReturn is called when the consumer leaves early
 */
export function createBatchQueue<T>(options: {
  highWaterBytes: number;
  onStart: () => void;
  onPause: () => void;
  onResume: () => void;
  onReturn: () => void;
}): BatchQueue<T> {
  let items: T[] = [];
  let bytes = 0;
  let started = false;
  let paused = false;
  let ended = false;
  let wake: (() => void) | undefined;

  function wakeConsumer(): void {
    wake?.();
    wake = undefined;
  }

  function take(): T[] {
    const batch = items;
    items = [];
    bytes = 0;
    if (paused) {
      paused = false;
      options.onResume();
    }
    return batch;
  }

  const iterator: AsyncIterableIterator<T[]> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      if (!started) {
        started = true;
        options.onStart();
      }
      while (items.length === 0 && !ended) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      return items.length > 0 ? { done: false, value: take() } : { done: true, value: undefined };
    },
    async return() {
      started = true;
      ended = true;
      items = [];
      wakeConsumer();
      options.onReturn();
      return { done: true, value: undefined };
    },
  };

  return {
    get items() {
      return items;
    },
    grew(more) {
      bytes += more;
      if (items.length === 0) return;
      wakeConsumer();
      if (bytes >= options.highWaterBytes && !paused) {
        paused = true;
        options.onPause();
      }
    },
    end() {
      ended = true;
      wakeConsumer();
    },
    iterator,
  };
}
