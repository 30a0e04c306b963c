/**
 * The time that an attempt has. It stands still while the job is paused, and then the limit of the pause runs; in the
 * record the deadline does the same, for the sweeper.
 */

export type AttemptLimit = 'total' | 'paused';

export type AttemptClock = {
  /** What is left of the total time, in ms. */
  remainingMs(): number;
  pause(): void;
  /** Returns how long it was paused, in ms. */
  resume(): number;
  stop(): void;
};

/** Begins to count at once; durations are in ms. `onExpired` is called once, with the limit that has passed. */
export function createAttemptClock({
  totalMs,
  pausedMs,
  onExpired,
}: {
  totalMs: number;
  pausedMs: number;
  onExpired: (limit: AttemptLimit) => void;
}): AttemptClock {
  let leftMs = totalMs;
  let isPaused = false;
  let since = performance.now();
  let timer = setTimeout(onExpired, totalMs, 'total');

  const elapsedMs = () => performance.now() - since;
  const remainingMs = () => (isPaused ? leftMs : leftMs - elapsedMs());

  function restart(limit: AttemptLimit, delayMs: number): void {
    clearTimeout(timer);
    since = performance.now();
    isPaused = limit === 'paused';
    timer = setTimeout(onExpired, Math.max(0, delayMs), limit);
  }

  return {
    remainingMs,
    pause() {
      leftMs = remainingMs();
      restart('paused', pausedMs);
    },
    resume() {
      const wasMs = Math.round(elapsedMs());
      restart('total', leftMs);
      return wasMs;
    },
    stop: () => clearTimeout(timer),
  };
}
