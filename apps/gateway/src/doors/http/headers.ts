/** Headers that every answer of the HTTP door has, and what browsers are told of who may ask. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { type ProtocolError, problemOf } from '@cc-executor/protocol';

const READABLE = 'Location, Retry-After, Allow, Repr-Digest, ETag, Content-Range, Accept-Ranges';
const SENDABLE = 'Content-Type, Idempotency-Key, Last-Event-ID, Range, If-Match, If-None-Match, Repr-Digest';
/** How long a browser need not ask again, in seconds. */
const PREFLIGHT_S = 600;
/** Where an error that may pass does not say when, in ms. */
const RETRY_AFTER_MS = 1_000;

/** Of the answer to a request that was let in: so its origin, where it has one, is an allowed one. */
export function commonHeaders({ origin }: IncomingHttpHeaders): OutgoingHttpHeaders {
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    vary: 'Origin',
    ...(origin !== undefined && {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': READABLE,
    }),
  };
}

/** Of the answer to OPTIONS. */
export function preflightHeaders(methods: readonly string[]): OutgoingHttpHeaders {
  const names = methods.join(', ');
  return {
    allow: names,
    'access-control-allow-methods': names,
    'access-control-allow-headers': SENDABLE,
    'access-control-max-age': String(PREFLIGHT_S),
  };
}

export type ErrorAnswer = { status: number; headers: OutgoingHttpHeaders; body: string };

/** An error as it is answered. */
export function errorAnswer(error: ProtocolError): ErrorAnswer {
  const problem = problemOf(error);
  const seconds = Math.ceil((problem.retryAfterMs ?? RETRY_AFTER_MS) / 1_000);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.retryable && { 'retry-after': String(seconds) }),
    },
    body: `${JSON.stringify(problem)}\n`,
  };
}
