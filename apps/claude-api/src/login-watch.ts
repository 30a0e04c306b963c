/**
 * Notices that the model's API refuses the login for good. Claude Code would go on trying for minutes, with the same
 * key. A stored login is renewed after the first refusal, so that one says nothing yet; the second does.
 */
import { isLoginError, type StreamEvent } from '@cc-executor/claude-stream';

export type LoginWatch = {
  /** Takes the next event; true when the login will not be accepted any more. */
  isRefused(event: StreamEvent): boolean;
};

export function createLoginWatch(): LoginWatch {
  let mayBeRenewed = true;
  let refusals = 0;
  return {
    isRefused(event) {
      if (event.type === 'session') mayBeRenewed = event.keySource !== 'ANTHROPIC_API_KEY';
      else if (event.type === 'text' || (event.type === 'activity' && event.generating)) refusals = 0;
      if (event.type !== 'throttled' || !isLoginError(event.reason)) return false;
      refusals += 1;
      return refusals > (mayBeRenewed ? 1 : 0);
    },
  };
}
