/**
 * Watches one limit at a time. A sign of life costs a clock reading, not a timer: the timer looks, when it fires,
 * how long it has really been quiet.
 */

export interface Watchdog<Limit extends string> {
  /** Watches this limit from now on, in place of the one before. */
  watch(limit: Limit, limitMs: number): void;
  /** Begins to count anew. */
  alive(): void;
  /** Time does not count until `resume` was called as often: we do not read, or the execution is paused. */
  suspend(): void;
  resume(): void;
  stop(): void;
}

/** @param onExpired is called once per watched limit */
export function createWatchdog<Limit extends string>(onExpired: (limit: Limit) => void): Watchdog<Limit> {
  let timer: NodeJS.Timeout | undefined;
  let watched: { limit: Limit; limitMs: number } | undefined;
  let since = 0;
  let suspensions = 0;
  let suspendedAt = 0;

  function arm(delayMs: number): void {
    clearTimeout(timer);
    // After this process stood still, input may be waiting that is older than the timer: read it first.
    timer = setTimeout(() => setImmediate(look), Math.max(1, delayMs));
  }

  function look(): void {
    if (watched === undefined) return;
    const { limit, limitMs } = watched;
    const leftMs = suspensions > 0 ? limitMs : since + limitMs - performance.now();
    if (leftMs > 0) {
      arm(leftMs);
      return;
    }
    watched = undefined;
    onExpired(limit);
  }

  return {
    watch(limit, limitMs) {
      watched = { limit, limitMs };
      since = performance.now();
      arm(limitMs);
    },
    alive() {
      since = performance.now();
    },
    suspend() {
      if (suspensions === 0) suspendedAt = performance.now();
      suspensions += 1;
    },
    resume() {
      suspensions -= 1;
      if (suspensions > 0) return;
      const now = performance.now();
      since += now - Math.max(since, suspendedAt);
      // It may have looked in between, and be armed for later.
      if (watched !== undefined) arm(since + watched.limitMs - now);
    },
    stop() {
      watched = undefined;
      clearTimeout(timer);
    },
  };
}
