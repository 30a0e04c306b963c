/**
 * Judges a `result` line. Success needs subtype `success` and no `is_error`: after a failed API call Claude Code
 * says `success` with `is_error: true`. Failures get stable codes; programs must not read the messages.
 */
import type { FailureCode, RunSummary } from '@cc-executor/protocol';
import { type ClaudeResult, isObject, numberOf, stringOf } from './stream-line.ts';

type ClaudeFailureCode = Extract<FailureCode, `claude_${string}`>;

export type Verdict =
  | { ok: true; text: string; summary: RunSummary }
  | { ok: false; code: ClaudeFailureCode; message: string; summary: RunSummary };

/** Says whether the run succeeded, and what it took. */
export function judgeResult(result: ClaudeResult): Verdict {
  const summary = summarize(result);
  if (result.subtype === 'success' && result.is_error !== true) {
    return { ok: true, text: stringOf(result.result) ?? '', summary };
  }
  return { ok: false, code: failureCode(result), message: failureMessage(result), summary };
}

function failureCode(result: ClaudeResult): ClaudeFailureCode {
  const text = stringOf(result.result) ?? '';
  // Older versions give the API's status in the text only.
  const status = numberOf(result.api_error_status) ?? Number(/^API Error: (\d{3})\b/.exec(text)?.[1] ?? 0);
  if (status === 529 || result.api_error_type === 'overloaded_error') return 'claude_overloaded';
  if (status === 429) return 'claude_rate_limited';
  if (status === 401 || status === 403) return 'claude_auth';
  switch (result.subtype) {
    case 'error_max_turns':
      return 'claude_max_turns';
    case 'error_max_budget_usd':
    case 'error_max_budget':
      return 'claude_budget';
    case 'error_during_execution':
      return result.terminal_reason?.startsWith('aborted') ? 'claude_interrupted' : 'claude_error';
  }
  // Without a login no API is called, so there is no status; these are the CLI's fixed words, not the model's.
  if (result.is_error === true && /^(Invalid API key|Not logged in)|Please run \/login/.test(text)) {
    return 'claude_auth';
  }
  return 'claude_error';
}

function failureMessage(result: ClaudeResult): string {
  if (typeof result.result === 'string' && result.result !== '') return result.result;
  const details = (Array.isArray(result.errors) ? result.errors : [])
    .map((error) => (typeof error === 'string' ? error : JSON.stringify(error)))
    .join('; ');
  const reason = stringOf(result.terminal_reason) ?? stringOf(result.subtype) ?? 'no reason given';
  return `Claude Code ended with ${reason}${details === '' ? '' : `: ${details}`}`;
}

function summarize(result: ClaudeResult): RunSummary {
  const summary: RunSummary = {};
  if (isObject(result.usage)) summary.usage = result.usage;
  const costUsd = numberOf(result.total_cost_usd);
  const durationMs = numberOf(result.duration_ms);
  const turns = numberOf(result.num_turns);
  const conversation = stringOf(result.session_id);
  if (costUsd !== undefined) summary.costUsd = costUsd;
  if (durationMs !== undefined) summary.durationMs = durationMs;
  if (turns !== undefined) summary.turns = turns;
  if (conversation !== undefined) summary.conversation = conversation;
  return summary;
}
