/** How an attempt's end becomes the job's terminal event. Pure. */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import {
  type FailureCode,
  MAX_TERMINAL_TEXT_LENGTH,
  type RunSummary,
  summaryOf,
  type TerminalBody,
} from '@cc-executor/protocol';
import type { DropReason } from './log-writer.ts';
import { didNotBegin } from './retry.ts';
import type { StopReason } from './stop-reason.ts';

const FAULT = 'a fault of the worker; it is in its log';
const FULL = 'Redis was full until the job had to end: the last of its output was not kept';

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
    return { type: 'completed', ...(short ? { text } : {}), evidence, ...boundedSummary(rest) };
  }
  const ending = { partial: hasOutput, ...boundedSummary(outcome) };
  if (stop) return stoppedEvent(stop, ending);
  if (outcome.status === 'timed_out') return { type: 'timed_out', limit: outcome.limit, ...ending };
  if (outcome.status === 'failed') {
    const { code, message, resetsAt, began } = outcome;
    const retrySafe = (didNotBegin(outcome) || began === false) && !hasOutput;
    const error = { code, message, retrySafe, ...(resetsAt !== undefined && { resetsAt }) };
    return { type: 'failed', error, ...ending };
  }
  return failed('internal', 'the call was aborted without a reason', ending);
}

/** The end of a job that may be begun `max` times, and has been `attempts` times. After the first, something had begun. */
export function withAttempts(event: TerminalBody, attempts: number, max: number): TerminalBody {
  if (event.type !== 'failed') return event;
  const { message, retrySafe } = event.error;
  const error = {
    ...event.error,
    message: `${message} (attempt ${attempts} of ${max})`,
    retrySafe: retrySafe && attempts === 1,
  };
  return { ...event, error };
}

/**
 * The terminal event of an attempt, of whose output the end could not be written. It claims no text that is not in
 * the log: no completion, and no digest.
 */
export function incompleteEvent(wanted: TerminalBody, dropped: DropReason, hasOutput: boolean): TerminalBody {
  const { digest: _, ...summary } = summaryOf(wanted);
  const ending = { partial: hasOutput, ...summary };
  switch (wanted.type) {
    case 'completed':
      return dropped === 'full' ? failed('redis_full', FULL, ending) : failed('internal', FAULT, ending);
    case 'failed': {
      const { error } = wanted;
      const message = dropped === 'full' ? `${error.message} (${FULL})` : error.message;
      return { type: 'failed', error: { ...error, message }, ...ending };
    }
    case 'cancelled':
      return { type: 'cancelled', by: wanted.by, ...ending };
    case 'timed_out':
      return { type: 'timed_out', limit: wanted.limit, ...ending };
    default:
      return wanted satisfies never;
  }
}

/** Part of an object would be another object: a long one is left out. */
function boundedSummary(outcome: RunSummary): RunSummary {
  const { structuredOutput, ...rest } = summaryOf(outcome);
  const long = JSON.stringify(structuredOutput ?? null).length > MAX_TERMINAL_TEXT_LENGTH;
  return structuredOutput === undefined || long ? rest : { ...rest, structuredOutput };
}

function stoppedEvent(stop: StopReason, ending: { partial: boolean }): TerminalBody {
  switch (stop.kind) {
    case 'cancel':
      return { type: 'cancelled', by: stop.by, ...ending };
    case 'deadline':
      return { type: 'timed_out', limit: stop.limit, ...ending };
    case 'drain':
      return failed('worker_lost', 'the worker was shut down before the job had ended', ending);
    case 'overflow': {
      const message = `the job put out more than the ${stop.maxBytes} bytes that are kept of one`;
      return failed('output_too_large', message, ending);
    }
    case 'fault':
      return failed('internal', FAULT, ending);
    case 'lost':
      return failed('worker_lost', stop.detail, ending);
  }
}

function failed(code: FailureCode, message: string, ending: { partial: boolean }): TerminalBody {
  return { type: 'failed', error: { code, message, retrySafe: false }, ...ending };
}
