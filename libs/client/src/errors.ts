/**
 * The one error the SDK throws. Programs read `code`: a code of the gateway, as PROTOCOL.md and docs/errors.md list them, or
 * one of the SDK's own; the message is for people.
 */
import type { ClientErrorCode, ProtocolErrorCode, TerminalEvent } from '@cc-executor/protocol/plain';

export type ErrorCode = ClientErrorCode | ProtocolErrorCode;

export type ClientErrorDetails = {
  retryable?: boolean;
  jobId?: string | undefined;
  retryAfterMs?: number | undefined;
  /** Of an `execute` without an answer: send it again with this key, and it cannot run twice. */
  idempotencyKey?: string | undefined;
  /** Of `not_completed`. */
  end?: TerminalEvent | undefined;
};

export class ClientError extends Error {
  declare readonly code: ErrorCode;
  /** The same call may succeed later. */
  declare readonly retryable: boolean;
  declare readonly jobId: string | undefined;
  declare readonly retryAfterMs: number | undefined;
  declare readonly idempotencyKey: string | undefined;
  declare readonly end: TerminalEvent | undefined;

  constructor(code: ErrorCode, message: string = code, details: ClientErrorDetails = {}) {
    super(message);
    // The gateway says of its own errors whether they may pass.
    const retryable = code === 'connect_failed' || code === 'request_timeout';
    Object.assign(this, { retryable, ...details, name: 'ClientError', code });
  }
}

/** The same error, told of one job. */
export function withJob(error: ClientError, jobId: string): ClientError {
  return new ClientError(error.code, error.message, { ...error, jobId });
}

/** The error in a response's `error` member; one without a code is a `protocol_violation`. A newer gateway may have more codes. */
export function readErrorMember(member: unknown): ClientError {
  const { message, data } = asRecord(member);
  return readError(message, asRecord(data));
}

/** The same of the body of an HTTP answer. */
export function readProblem(problem: Record<string, unknown>): ClientError {
  return readError(problem.detail, problem);
}

function readError(
  message: unknown,
  { code, retryable, retryAfterMs }: Record<string, unknown>,
): ClientError {
  const text = typeof message === 'string' ? message : undefined;
  if (typeof code !== 'string') {
    return new ClientError(
      'protocol_violation',
      `An error that is not in the protocol: ${text ?? 'no message'}`,
    );
  }
  return new ClientError(code as ProtocolErrorCode, text, {
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
  });
}

/** A value's members, when it is an object. */
export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
