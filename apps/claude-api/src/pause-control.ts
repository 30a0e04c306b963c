/**
 * Pauses and resumes one run: a switch that the run follows, flipped by one change at a time, in the order in which
 * they were asked for. A run that is not there yet follows as soon as it is.
 */
import type { PauseSwitch } from './engine.ts';

export type PauseControl = {
  readonly pauseSwitch: PauseSwitch;
  /** Resolves to whether that changed anything, when the run has followed. */
  set(paused: boolean): Promise<boolean>;
};

/** @param onChange is called with each change: before the run is let go on, after it was held */
export function createPauseControl(onChange: (paused: boolean) => void): PauseControl {
  let isPaused = false;
  let apply: ((paused: boolean) => Promise<void>) | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function change(paused: boolean): Promise<boolean> {
    if (isPaused === paused) return false;
    isPaused = paused;
    if (!paused) onChange(false);
    await apply?.(paused);
    if (paused) onChange(true);
    return true;
  }

  return {
    pauseSwitch: {
      get isPaused() {
        return isPaused;
      },
      follow(follower) {
        apply = follower;
        if (isPaused) last = last.then(() => follower(isPaused));
      },
    },
    set(paused) {
      const changed = last.then(() => change(paused));
      last = changed.catch(() => {
        // Whoever asked for that change was told.
      });
      return changed;
    },
  };
}
