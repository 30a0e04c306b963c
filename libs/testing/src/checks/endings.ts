/** What the checks must know of each ending. */
import type { TerminalEvent } from '@cc-executor/protocol';

/** Whether a job of which an accepted cancel was told may end so. */
export function mayFollowCancel(terminal: TerminalEvent): boolean {
  switch (terminal.type) {
    case 'cancelled':
    case 'timed_out':
      return true;
    case 'failed':
      // The sweeper ends what no worker was left to cancel.
      return terminal.error.code === 'worker_lost';
    case 'completed':
      return false;
    default:
      return terminal satisfies never;
  }
}

/** Whether it comes when a limit has passed, whatever upstream does. */
export function endsByItself(terminal: TerminalEvent): boolean {
  switch (terminal.type) {
    case 'timed_out':
      return true;
    case 'completed':
    case 'failed':
    case 'cancelled':
      return false;
    default:
      return terminal satisfies never;
  }
}
