/**
 * Follows what Claude Code says in typed members about why a run is failing, until the model answers again: the `error`
 * of the lines that it makes up in the model's place, and the limit that a `rate_limit_event` names.
 */
import { isObject, type JsonObject, numberOf, stringOf } from './stream-line.ts';

export type Cause = {
  /** Claude Code's own word: `authentication_failed`, `billing_error`, `rate_limit` … */
  error?: string;
  /** The usage limit that is reached is lifted at this Unix time, in milliseconds. */
  resetsAt?: number;
};

/** The login or key is no good: the same request will be refused until somebody does something about it. */
const loginErrors = new Set([
  'authentication_failed',
  'oauth_org_not_allowed',
  'account_on_hold',
  'verification_required',
  'cloud_credential_error',
]);

/** Whether this typed error is about the login or key. */
export function isLoginError(error: string | undefined): boolean {
  return error !== undefined && loginErrors.has(error);
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
    if (seconds !== undefined) cause = { ...cause, resetsAt: Math.round(seconds * 1_000) };
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
