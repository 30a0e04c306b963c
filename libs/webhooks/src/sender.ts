/**
 * One attempt to deliver a webhook, bounded in everything: time, addresses, what is read of the answer. The name is resolved
 * once, and the connection goes to the addresses that were judged, and to no other. A redirect is an answer like any other.
 */
import { isIP } from 'node:net';
import { within } from '@cc-executor/runtime';
import { createLookup, type Lookup, pinTo } from '@cc-executor/runtime/lookup';
import { hostOf, type TargetRules } from '@cc-executor/runtime/targets';
import { signatureHeaders } from './signature.ts';

/** What a receiver says is not read; but one that is cut off while it says little may take that for a failure. */
const DROPPED_BYTES = 16 * 1024;
const DROPPED_WITHIN_MS = 1_000;

type WebhookMessage = {
  id: string;
  url: string;
  body: string;
  at: number;
  /** Each signs it. */
  secrets: readonly string[];
  /** Goes with it as a header, where there is one. */
  traceparent?: string | undefined;
};

/**
 * `status` is that of the answer. Without an answer `error` is a word: `target_refused`, `timeout`, or the system's, such as
 * `ECONNREFUSED`.
 */
export type Outcome = { status: number; retryAfterMs?: number } | { error: string };

export type WebhookSender = {
  /** Never rejects, except with the signal's reason. */
  send(message: WebhookMessage, signal: AbortSignal): Promise<Outcome>;
};

/** @param options.timeoutMs for one attempt in all */
export function createWebhookSender(options: {
  targets: TargetRules;
  timeoutMs: number;
  userAgent: string;
  lookup?: Lookup;
}): WebhookSender {
  const { targets, timeoutMs, userAgent } = options;
  const lookup =
    options.lookup ?? createLookup({ isOwn: targets.isNamed, timeoutMs: Math.ceil(timeoutMs / 3) });

  async function post(message: WebhookMessage, signal: AbortSignal): Promise<Outcome> {
    const target = new URL(message.url);
    const host = hostOf(target);
    const resolved = isIP(host) === 0 ? lookup(host) : [host];
    const addresses = await within(Promise.resolve(resolved), Number.POSITIVE_INFINITY, { signal });
    const permitted = targets.permitted(target, addresses);
    if (permitted.length === 0) return { error: 'target_refused' };
    // Loaded with the first: most gateways send none.
    const { Client } = await import('undici');
    const client = new Client(target.origin, {
      connect: { lookup: pinTo(permitted), timeout: timeoutMs },
      allowH2: false,
    });
    try {
      const { statusCode, headers, body } = await client.request({
        method: 'POST',
        path: target.pathname + target.search,
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          ...signatureHeaders(message, message.secrets),
          ...(message.traceparent !== undefined && { traceparent: message.traceparent }),
        },
        body: message.body,
        signal,
      });
      const dropped = body.dump({ limit: DROPPED_BYTES }).catch(() => undefined);
      await within(dropped, DROPPED_WITHIN_MS, { late: () => undefined });
      const retryAfterMs = readRetryAfter(headers['retry-after'], message.at);
      return { status: statusCode, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    } finally {
      await client.destroy();
    }
  }

  return {
    async send(message, signal) {
      const late = AbortSignal.timeout(timeoutMs);
      try {
        return await post(message, AbortSignal.any([signal, late]));
      } catch (error) {
        signal.throwIfAborted();
        return { error: late.aborted ? 'timeout' : wordOf(error) };
      }
    },
  };
}

/** In ms: seconds, or a date; undefined when it is neither. */
function readRetryAfter(value: string | string[] | undefined, now: number): number | undefined {
  const text = String(value).trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The code, which has no address and no text of others in it. */
function wordOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: { code?: unknown }[] };
  const word = code ?? errors?.[0]?.code;
  return typeof word === 'string' && /^\w{1,64}$/.test(word) ? word : 'failed';
}
