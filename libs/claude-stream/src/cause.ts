/**
 * Follows what Claude Code says in typed members about why a run is failing, until the model answers again: the `error`
 * of the lines that it makes up in the model's place, and the limit that a `rate_limit_event` names.
 */
import type { FailureCode } from '@cc-executor/protocol';
import { isObject, type JsonObject, numberOf, stringOf } from './stream-line.ts';

export type Cause = {
  /** Claude Code's own word: `authentication_failed`, `billing_error`, `rate_limit` … */
  error?: string;
  /** The usage limit that is reached, in Claude Code's words: `five_hour`, `seven_day` … */
  limit?: string;
  /** The usage limit that is reached is lifted at this Unix time, in milliseconds. */
  resetsAt?: number;
};

const MAX_NAME_LENGTH = 200;

/** What each typed error means; of some it takes what else is known to tell. */
export const errorMeanings = {
  authentication_failed: 'claude_auth',
  oauth_org_not_allowed: 'claude_auth',
  account_on_hold: 'claude_auth',
  verification_required: 'claude_auth',
  cloud_credential_error: 'claude_auth',
  billing_error: 'claude_credit',
  rate_limit: 'claude_rate_limited',
  overloaded: 'claude_overloaded',
  max_output_tokens: 'claude_output_limit',
  model_not_found: 'claude_model_unknown',
  invalid_request: undefined,
  server_error: undefined,
  unknown: undefined,
} as const satisfies Record<string, FailureCode | undefined>;

/** The code of a failure with such a cause. */
export function codeOfCause({ error, resetsAt }: Cause) {
  if (error === undefined || !Object.hasOwn(errorMeanings, error)) return undefined;
  const meaning = errorMeanings[error as keyof typeof errorMeanings];
  return meaning === 'claude_rate_limited' && resetsAt !== undefined ? 'claude_usage_limit' : meaning;
}

/**
 * Whether this typed error says that the login or key is no good: the same request will be refused until somebody does
 * something about it.
 */
export function isLoginError(error: string): boolean {
  return codeOfCause({ error }) === 'claude_auth';
}

export type CauseWatch = {
  /** A line that Claude Code made up, with the typed error that it may carry. */
  noteMadeUp(line: JsonObject): void;
  /** A `rate_limit_event`. */
  noteLimit(line: JsonObject): void;
  /** The model answers: what went wrong before is over. */
  clear(): void;
  value(): Cause;
};

export function createCauseWatch(): CauseWatch {
  let cause: Cause = {};

  function noteLimit({ rate_limit_info: info }: JsonObject): void {
    if (!isObject(info) || info.status !== 'rejected') return;
    const seconds = numberOf(info.resetsAt) ?? numberOf(info.overageResetsAt);
    if (seconds === undefined) return;
    const limit = stringOf(info.rateLimitType)?.slice(0, MAX_NAME_LENGTH);
    cause = { ...cause, ...(limit !== undefined && { limit }), resetsAt: Math.round(seconds * 1_000) };
  }

  return {
    noteMadeUp(line) {
      const error = stringOf(line.error);
      if (error !== undefined) cause = { ...cause, error };
      if (isObject(line.api_error_params)) noteLimit(line.api_error_params);
    },
    noteLimit,
    clear() {
      cause = {};
    },
    value: () => cause,
  };
}
