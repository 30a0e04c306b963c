/** An error as it is answered over HTTP, and instead of an upgrade. */
import type { OutgoingHttpHeaders } from 'node:http';
import { type ProtocolError, problemOf } from '@cc-executor/protocol';

/** Where an error that may pass does not say when, in ms. */
const RETRY_AFTER_MS = 1_000;

export type ErrorAnswer = { status: number; headers: OutgoingHttpHeaders; body: string };

export function errorAnswer(error: ProtocolError): ErrorAnswer {
  const problem = problemOf(error);
  const seconds = Math.ceil((problem.retryAfterMs ?? RETRY_AFTER_MS) / 1_000);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error.code === 'unauthenticated' && { 'www-authenticate': 'Bearer' }),
      ...(problem.retryable && { 'retry-after': String(seconds) }),
    },
    body: `${JSON.stringify(problem)}\n`,
  };
}
