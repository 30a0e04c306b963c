/** A timer that stands still while it is paused. Once it has fired it is done until it is started again. */

export interface PausableTimer {
  /** Counts from now on, in place of what it counted before. Also takes a new start while it is paused. */
  start(delayMs: number): void;
  clear(): void;
  /** Idempotent, like `resume`. */
  pause(): void;
  resume(): void;
}

export function createPausableTimer(onExpired: () => void): PausableTimer {
  let timer: NodeJS.Timeout | undefined;
  let leftMs: number | undefined;
  let since = 0;
  let paused = false;

  function arm(): void {
    if (leftMs === undefined || paused) return;
    since = performance.now();
    timer = setTimeout(() => {
      leftMs = undefined;
      onExpired();
    }, leftMs);
  }

  return {
    start(delayMs) {
      clearTimeout(timer);
      leftMs = delayMs;
      arm();
    },
    clear() {
      clearTimeout(timer);
      leftMs = undefined;
    },
    pause() {
      if (paused) return;
      paused = true;
      clearTimeout(timer);
      if (leftMs !== undefined) leftMs = Math.max(0, leftMs - (performance.now() - since));
    },
    resume() {
      if (!paused) return;
      paused = false;
      arm();
    },
  };
}
