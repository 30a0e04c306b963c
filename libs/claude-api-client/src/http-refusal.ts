/** What an HTTP status other than success means, and what the service says about it. Pure. */
import type { UpstreamFailure } from './upstream-events.ts';

/**
 * Statuses with which a service says that it has not begun: at capacity, shutting down, overloaded. So does a 409 that
 * says when to come back: a workspace or conversation is in use.
 */
const BUSY = [429, 503, 529];

const SNIPPET_LENGTH = 300;

/** @param now Unix time in ms, for a Retry-After that is a date */
export function describeRefusal(options: {
  status: number;
  retryAfter: string | string[] | undefined;
  body: string;
  now: number;
}): UpstreamFailure {
  const { status, body } = options;
  const busy = BUSY.includes(status) || (status === 409 && options.retryAfter !== undefined);
  const retryAfterMs = busy ? parseRetryAfter(options.retryAfter, options.now) : undefined;
  const said = snippet(body);
  return {
    status: 'failed',
    code: busy ? 'upstream_busy' : 'upstream_http_error',
    message: `claude-api answered ${status}${said === '' ? '' : `: ${said}`}`,
    sent: true,
    httpStatus: status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Retry-After in ms: seconds, or a date; undefined when it is neither. */
export function parseRetryAfter(value: string | string[] | undefined, now: number): number | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function snippet(body: string): string {
  const text = body.replace(/\s+/g, ' ').trim();
  return text.length > SNIPPET_LENGTH ? `${text.slice(0, SNIPPET_LENGTH)} …` : text;
}
