/** How an attempt's end becomes the job's terminal event. Pure. */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import {
  type FailureCode,
  MAX_TERMINAL_TEXT_LENGTH,
  summaryOf,
  type TerminalBody,
} from '@cc-executor/protocol';
import { didNotBegin } from './retry.ts';
import type { StopReason } from './stop-reason.ts';

/**
 * The terminal event of an attempt that upstream ended with `outcome` and that was stopped for `stop`, if it was.
 * A run that had completed before the stop took effect is completed: the work is done, but for a fault, after which its
 * output may be missing.
 */
export function terminalEventOf(
  outcome: UpstreamOutcome,
  stop: StopReason | undefined,
  hasOutput: boolean,
): TerminalBody {
  if (outcome.status === 'completed' && stop?.kind !== 'fault') {
    const { evidence, text, ...rest } = outcome;
    const short = text !== undefined && text.length <= MAX_TERMINAL_TEXT_LENGTH;
    return { type: 'completed', ...(short ? { text } : {}), evidence, ...summaryOf(rest) };
  }
  const ending = { partial: hasOutput, ...summaryOf(outcome) };
  if (stop) return stoppedEvent(stop, ending);
  if (outcome.status === 'timed_out') return { type: 'timed_out', limit: outcome.limit, ...ending };
  if (outcome.status === 'failed') {
    const { code, message } = outcome;
    const retrySafe = didNotBegin(outcome) && !hasOutput;
    return { type: 'failed', error: { code, message, retrySafe }, ...ending };
  }
  return failed('internal', 'the call was aborted without a reason', ending);
}

function stoppedEvent(stop: StopReason, ending: { partial: boolean }): TerminalBody {
  switch (stop.kind) {
    case 'cancel':
      return { type: 'cancelled', by: stop.by, ...ending };
    case 'deadline':
      return { type: 'timed_out', limit: stop.limit, ...ending };
    case 'drain':
      return failed('worker_lost', 'the worker was shut down before the job had ended', ending);
    case 'fault':
      return failed('internal', 'a fault of the worker; it is in its log', ending);
    case 'lost':
      return failed('worker_lost', stop.detail, ending);
  }
}

function failed(code: FailureCode, message: string, ending: { partial: boolean }): TerminalBody {
  return { type: 'failed', error: { code, message, retrySafe: false }, ...ending };
}
