/** Says what went wrong to people: what, where, and what to try. A fault of this program keeps its stack. */
import { ClientError } from '@cc-executor/client';
import { ConfigError } from '@cc-executor/runtime/settings';
import { exitCodeOfError, exitCodes } from './exit-codes.ts';
import { harmless } from './harmless.ts';
import { UsageError } from './usage-error.ts';

export type Description = { message: string; exitCode: number };

/** What to try, by error code. */
const ADVICE: Record<string, string> = {
  connect_failed:
    'Start one with `npm start` (or `cc-executor up`), or name another with --url or CC_EXECUTOR_URL.',
  connection_closed: 'Jobs go on without a client: `cc-executor jobs` lists them.',
  request_timeout: 'Try again; `cc-executor jobs` shows whether the job was accepted.',
  protocol_violation: 'Is the address the native door of a gateway of this version? It ends in /ws.',
  job_not_found: '`cc-executor jobs` lists the jobs that the gateway knows.',
  body_not_found: '`cc-executor attach JOB --json` shows which events have one: `truncated.kept` is true.',
  idempotency_conflict: 'Take another --idempotency-key, or the same prompt and options as before.',
  position_ahead: 'Take a lower --after.',
  unauthenticated:
    'Give a token: `cc-executor config set token`, CC_EXECUTOR_TOKEN or --token; `cc-executor keys make` makes one, for the operator.',
  unavailable: 'The gateway is there but its Redis is not: try again in a moment.',
};

export function describeError(error: unknown): Description {
  const { message, exitCode } = describe(error);
  // A gateway's words may hold what a job's were.
  return { message: harmless(message), exitCode };
}

function describe(error: unknown): Description {
  if (error instanceof UsageError || error instanceof ConfigError) {
    return { message: error.message, exitCode: exitCodes.usage };
  }
  if (error instanceof ClientError) {
    const job = error.jobId === undefined ? '' : ` (${error.jobId})`;
    // It may have been accepted although its answer was lost.
    const again =
      error.idempotencyKey === undefined || !error.retryable
        ? ''
        : `\n  With --idempotency-key ${error.idempotencyKey} it cannot run twice.`;
    const advice = ADVICE[error.code] === undefined ? '' : `\n  ${ADVICE[error.code]}`;
    return { message: `${error.message}${job}${advice}${again}`, exitCode: exitCodeOfError(error.code) };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message, exitCode: exitCodes.failed };
}
