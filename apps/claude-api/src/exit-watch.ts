/**
 * Watches for a Claude Code that has said all it had to say and does not exit. After a result it may still live on
 * rightly: it waits for tasks in the background, and takes a further turn when they are done.
 */
import type { StreamEvent } from '@cc-executor/claude-stream';
import type { PausableClock } from '@cc-executor/runtime';

export type ExitWatch = {
  follow(event: StreamEvent): void;
};

/** @param clock runs while there is nothing left to wait for */
export function createExitWatch(clock: PausableClock, graceMs: number): ExitWatch {
  let resultStands = false;
  let tasks = 0;

  function adjust(): void {
    if (resultStands && tasks === 0) clock.start(graceMs);
    else clock.stop();
  }

  return {
    follow(event) {
      if (event.type === 'result') resultStands = true;
      else if (event.type === 'background') tasks = event.tasks.length;
      else if (isTurn(event)) resultStands = false;
      else return;
      adjust();
    },
  };
}

/** A session or an answer after a result is a further turn, which ends with a result of its own. */
function isTurn(event: StreamEvent): boolean {
  return (
    event.type === 'session' ||
    event.type === 'text' ||
    event.type === 'throttled' ||
    (event.type === 'activity' && event.generating)
  );
}
