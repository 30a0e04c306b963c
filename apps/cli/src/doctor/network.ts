/** Name, address, port, HTTP: each step on its own, so that it can be said which one fails. Nothing here rejects. */
import { lookup } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { text } from 'node:stream/consumers';
import { within } from '@cc-executor/runtime';

export type Resolved = { addresses: string[]; code?: string };

export type HttpAnswer = {
  latencyMs: number;
  /** The system's code, TIMEOUT, or NOT_HTTP: there was no answer. */
  code?: string;
  statusCode?: number;
  /** The body, when it is a JSON object. */
  body?: Record<string, unknown>;
};

/** All addresses of a host. */
export async function resolveName(host: string, timeoutMs: number): Promise<Resolved> {
  if (isIP(host)) return { addresses: [host] };
  const found = lookup(host, { all: true }).then(
    (addresses) => ({ addresses: [...new Set(addresses.map(({ address }) => address))] }),
    (error: NodeJS.ErrnoException) => ({ addresses: [], code: error.code ?? 'ENOTFOUND' }),
  );
  return within(found, timeoutMs, { late: () => ({ addresses: [], code: 'EAI_AGAIN' }) });
}

/** GET from one address of the URL's host. */
export async function get(url: URL, address: string, timeoutMs: number): Promise<HttpAnswer> {
  const from = performance.now();
  const done = (rest: Omit<HttpAnswer, 'latencyMs'>): HttpAnswer => ({
    latencyMs: Math.round((performance.now() - from) * 10) / 10,
    ...rest,
  });
  try {
    const { statusCode, content } = await read(url, address, AbortSignal.timeout(timeoutMs));
    const body = parse(content);
    return done({ statusCode, ...(body === undefined ? {} : { body }) });
  } catch (error) {
    return done({ code: codeOf(error as NodeJS.ErrnoException) });
  }
}

async function read(url: URL, address: string, signal: AbortSignal) {
  const isSecure = url.protocol === 'https:';
  const host = hostOf(url);
  const { promise, resolve, reject } = Promise.withResolvers<{ statusCode: number; content: string }>();
  const request = (isSecure ? httpsRequest : httpRequest)(
    {
      host: address,
      port: url.port || (isSecure ? 443 : 80),
      path: url.pathname,
      headers: { host: url.host },
      agent: false,
      signal,
      ...(isSecure && !isIP(host) ? { servername: host } : {}),
    },
    (response) => {
      text(response).then((content) => resolve({ statusCode: response.statusCode ?? 0, content }), reject);
    },
  );
  request.on('error', reject);
  request.end();
  return promise;
}

/** A URL's host, without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function codeOf({ code, name, cause }: NodeJS.ErrnoException): string {
  if (name === 'AbortError' || name === 'TimeoutError' || (cause as Error)?.name === 'TimeoutError') {
    return 'TIMEOUT';
  }
  // Bytes came that are no HTTP; a server that hangs up at once is no HTTP server of ours either.
  if (code?.startsWith('HPE_') || code === 'ECONNRESET') return 'NOT_HTTP';
  return code ?? name;
}

function parse(content: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
