/** What an HTTP status other than success means, and what the service says about it. Pure. */
import { type RefusalCode, refusalCodes, type UpstreamFailure } from './upstream-events.ts';

/**
 * Statuses with which a service says that it has not begun: at capacity, shutting down, overloaded. So does a 409 that
 * says when to come back: a workspace or conversation is in use.
 */
const BUSY = [429, 503, 529];

const SNIPPET_LENGTH = 300;
const MESSAGE_LENGTH = 2_000;

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
  const said = readError(body);
  const text = said.message ?? shorten(body, SNIPPET_LENGTH);
  return {
    status: 'failed',
    code: busy ? busyCodeOf(said.code) : (refusalOf(said.code) ?? 'upstream_http_error'),
    message: `claude-api answered ${status}${text === '' ? '' : `: ${text}`}`,
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

/** Our own claude-api answers `{error: {code, message}}`; what is not that is shown as it came. */
function readError(body: string): { code?: string; message?: string } {
  try {
    const { code, message } = (JSON.parse(body) as { error: Record<string, unknown> }).error;
    return {
      ...(typeof code === 'string' && { code }),
      ...(typeof message === 'string' && message !== '' && { message: shorten(message, MESSAGE_LENGTH) }),
    };
  } catch {
    // Another service, or a proxy's page.
    return {};
  }
}

/** What keeps back one tenant alone is not taken for claude-api having enough to do. */
function busyCodeOf(code: string | undefined) {
  return code === 'credentials_unavailable' ? code : 'upstream_busy';
}

function refusalOf(code: string | undefined): RefusalCode | undefined {
  return code === 'invalid_request' ? 'options_invalid' : refusalCodes.find((known) => known === code);
}

function shorten(raw: string, length: number): string {
  const text = raw.replace(/\s+/g, ' ').trim();
  return text.length > length ? `${text.slice(0, length)} …` : text;
}
