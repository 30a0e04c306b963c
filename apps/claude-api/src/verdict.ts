/**
 * How an execution ended, from everything that is known together: Claude Code's result line, its exit code or
 * signal, and whether it was stopped. Success only on positive evidence: a result that says so, and exit code 0.
 */
import type { Verdict } from '@cc-executor/claude-stream';
import { LOGIN_ADVICE } from './cli-login.ts';
import type { EngineEnding } from './engine.ts';

/**
 * Why an execution is stopped from outside. `disconnected`: its caller has gone; `lingered`: it did not exit after
 * its result; `login-refused`: Claude Code goes on asking with a login that the model's API does not take.
 */
export type StopReason = 'cancelled' | 'disconnected' | 'timeout' | 'shutdown' | 'lingered' | 'login-refused';

type ExecutionError = {
  readonly code: string;
  readonly message: string;
};

export type Outcome = {
  readonly status: 'success' | 'error' | 'cancelled' | 'timeout';
  readonly error?: ExecutionError;
};

type Findings = {
  readonly ending: EngineEnding;
  /** Of the last result. */
  readonly verdict: Verdict | undefined;
  readonly stopReason: StopReason | undefined;
  /** Nothing that Claude Code started ran in the background when it was stopped, or ended. */
  readonly isBackgroundOver: boolean;
};

const STDERR_SHOWN = 2_000;

/**
 * Decides. A run that had succeeded when the wish to stop it came remains a success; one that exits with 0
 * because it was interrupted does not become one. How a run exits that was made to, after its result, says nothing.
 */
export function decideOutcome({ ending, verdict, stopReason, isBackgroundOver }: Findings): Outcome {
  if (ending.failure !== undefined) return { status: 'error', error: ending.failure };
  const lingered = stopReason === 'lingered';
  if (verdict?.ok === true && isBackgroundOver && (ending.exitCode === 0 || lingered))
    return { status: 'success' };
  if (stopReason !== undefined && !lingered) return stopped(stopReason);
  if (verdict?.ok === false) {
    return verdict.code === 'claude_auth'
      ? loginRefused(verdict.message)
      : failed(verdict.code, verdict.message);
  }
  if (!isBackgroundOver && verdict?.ok === true) {
    return failed(
      'claude_background',
      'Claude Code ended while tasks ran in the background, and they with it',
    );
  }
  const how = ending.signal === null ? `with exit code ${ending.exitCode}` : `by ${ending.signal}`;
  if (verdict?.ok === true) return failed('claude_exit', `Claude Code gave an answer, but ended ${how}`);
  const said = ending.stderr === '' ? '' : `: ${ending.stderr.slice(-STDERR_SHOWN)}`;
  return failed('claude_no_result', `Claude Code ended ${how} and gave no result${said}`);
}

function stopped(reason: Exclude<StopReason, 'lingered'>): Outcome {
  if (reason === 'timeout') {
    return { status: 'timeout', error: { code: 'timeout', message: 'The execution took too long' } };
  }
  if (reason === 'login-refused') return loginRefused("The model's API refused the login or key");
  if (reason === 'shutdown') return failed('shutting_down', 'The server is shutting down');
  return { status: 'cancelled' };
}

function loginRefused(message: string): Outcome {
  return failed('claude_auth', `${message}; ${LOGIN_ADVICE}`);
}

function failed(code: string, message: string): Outcome {
  return { status: 'error', error: { code, message } };
}
