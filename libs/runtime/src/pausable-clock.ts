/**
 * Counts one limit at a time, and stands still while it is paused. To begin anew costs a clock reading, not a timer:
 * the timer looks, when it fires, how much time has really counted.
 */

export type PausableClock = {
  /** Counts this limit, in ms, from now on, in place of what it counted before; while it is paused, once it goes on. */
  start(limitMs: number): void;
  /** Counts the same limit from the beginning. Does nothing where none is counted. */
  restart(): void;
  /** Counts nothing until the next start. */
  stop(): void;
  /** Idempotent, like `resume`. */
  pause(): void;
  resume(): void;
  /** What is left of the limit, in ms; 0 when it has expired and where none is counted. */
  remainingMs(): number;
};

/** @param onExpired is called once for each start, when all of its limit has counted */
export function createPausableClock(onExpired: () => void): PausableClock {
  let timer: NodeJS.Timeout | undefined;
  let limitMs: number | undefined;
  /** What had counted before `since`. */
  let countedMs = 0;
  let since = 0;
  let isPaused = false;

  const elapsedMs = () => countedMs + (isPaused ? 0 : performance.now() - since);
  const remainingMs = () => (limitMs === undefined ? 0 : Math.max(0, limitMs - elapsedMs()));

  function arm(): void {
    clearTimeout(timer);
    if (limitMs === undefined || isPaused) return;
    // After this process stood still, input may be waiting that is older than the timer: it is read first.
    timer = setTimeout(() => setImmediate(look), Math.max(1, remainingMs()));
  }

  function look(): void {
    if (limitMs === undefined || isPaused) return;
    if (remainingMs() > 0) {
      arm();
      return;
    }
    limitMs = undefined;
    onExpired();
  }

  function restart(): void {
    countedMs = 0;
    since = performance.now();
  }

  return {
    start(newLimitMs) {
      limitMs = newLimitMs;
      restart();
      arm();
    },
    restart,
    stop() {
      limitMs = undefined;
      clearTimeout(timer);
    },
    pause() {
      if (isPaused) return;
      countedMs = elapsedMs();
      isPaused = true;
      clearTimeout(timer);
    },
    resume() {
      if (!isPaused) return;
      isPaused = false;
      since = performance.now();
      arm();
    },
    remainingMs,
  };
}
