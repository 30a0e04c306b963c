/**
 * Judges a `result` line. Success needs subtype `success` and no `is_error`: after a failed API call Claude Code
 * says `success` with `is_error: true`. Failures get stable codes, from typed members where there are any and from
 * words last; programs must not read the messages.
 */
import type { FailureCode, RunSummary } from '@cc-executor/protocol';
import { type Cause, codeOfCause } from './cause.ts';
import { type ClaudeResult, numberOf, stringOf } from './stream-line.ts';
import { createResultSum, type ResultSum, summarize } from './summary.ts';

export type ClaudeFailureCode = Extract<FailureCode, `claude_${string}` | 'structured_output_invalid'>;

export type Verdict =
  | { ok: true; text: string; summary: RunSummary }
  | {
      ok: false;
      code: ClaudeFailureCode;
      message: string;
      /** The usage limit that was reached, where Claude Code names it. */
      limit?: string;
      /** The limit that was reached is lifted at this Unix time, in milliseconds. */
      resetsAt?: number;
      summary: RunSummary;
    };

/**
 * Says whether the run succeeded, and what it took.
 *
 * @param cause what was said about its failure before the result
 * @param spent of the results of the same run before it
 */
export function judgeResult(
  result: ClaudeResult,
  cause: Cause = {},
  spent: ResultSum = createResultSum(),
): Verdict {
  const summary = summarize(result, spent.add(result));
  if (result.subtype === 'success' && result.is_error !== true) {
    return { ok: true, text: stringOf(result.result) ?? '', summary };
  }
  const code = failureCode(result, cause);
  const { limit, resetsAt } = code === 'claude_usage_limit' ? cause : {};
  const message = failureMessage(result);
  return {
    ...{ ok: false, code, message, summary },
    ...(limit !== undefined && { limit }),
    ...(resetsAt !== undefined && { resetsAt }),
  };
}

function failureCode(result: ClaudeResult, cause: Cause): ClaudeFailureCode {
  return (
    codeOfEnd(result) ?? codeOfCause(cause) ?? codeOfApi(result) ?? codeOfWords(result) ?? 'claude_error'
  );
}

/** What the result itself says about its end. */
function codeOfEnd({ stop_reason, subtype, terminal_reason, api_error }: ClaudeResult) {
  if (stop_reason === 'refusal') return 'claude_refused';
  if (subtype === 'error_max_structured_output_retries') return 'structured_output_invalid';
  if (subtype === 'error_max_turns') return 'claude_max_turns';
  if (subtype === 'error_max_budget_usd' || subtype === 'error_max_budget') return 'claude_budget';
  if (subtype === 'error_during_execution' && terminal_reason?.startsWith('aborted')) {
    return 'claude_interrupted';
  }
  if (terminal_reason === 'prompt_too_long' || terminal_reason === 'blocking_limit') {
    return 'claude_prompt_too_long';
  }
  if (api_error === 'usage_limit_reached') return 'claude_usage_limit';
  return api_error === 'max_output_tokens' ? 'claude_output_limit' : undefined;
}

/** What the model's API answered. */
function codeOfApi(result: ClaudeResult): ClaudeFailureCode | undefined {
  const text = stringOf(result.result) ?? '';
  // Older versions give the API's status in the text only.
  const status = numberOf(result.api_error_status) ?? Number(/^API Error: (\d{3})\b/.exec(text)?.[1] ?? 0);
  if (status === 529 || result.api_error_type === 'overloaded_error') return 'claude_overloaded';
  if (status === 429) return 'claude_rate_limited';
  if (status === 402 || result.api_error_type === 'billing_error') return 'claude_credit';
  return status === 401 || status === 403 ? 'claude_auth' : undefined;
}

/** The CLI's fixed words, not the model's: older versions say it in no other way, and without a login no API is called. */
function codeOfWords({ is_error, result }: ClaudeResult): ClaudeFailureCode | undefined {
  const text = is_error === true ? (stringOf(result) ?? '') : '';
  if (/^(Invalid API key|Not logged in)|Please run \/login/.test(text)) return 'claude_auth';
  if (/^Credit balance is too low/.test(text)) return 'claude_credit';
  return /^Prompt is too long/.test(text) ? 'claude_prompt_too_long' : undefined;
}

function failureMessage(result: ClaudeResult): string {
  if (typeof result.result === 'string' && result.result !== '') return result.result;
  const details = (Array.isArray(result.errors) ? result.errors : [])
    .map((error) => (typeof error === 'string' ? error : JSON.stringify(error)))
    .join('; ');
  const reason = stringOf(result.terminal_reason) ?? stringOf(result.subtype) ?? 'no reason given';
  return `Claude Code ended with ${reason}${details === '' ? '' : `: ${details}`}`;
}
