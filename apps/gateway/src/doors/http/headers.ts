/** Headers that every answer of the HTTP door has, how a digest is told, and what browsers are told of who may ask. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

const READABLE = 'Location, Retry-After, Allow, Repr-Digest, ETag, Content-Range, Accept-Ranges';
const SENDABLE =
  'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Range, If-Match, If-None-Match, Repr-Digest, Traceparent';
/** How long a browser need not ask again, in seconds. */
const PREFLIGHT_S = 600;

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

/** `Repr-Digest` (RFC 9530) of what has this SHA-256, in hexadecimal. */
export function digestHeader(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}
