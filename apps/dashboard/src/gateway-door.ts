/**
 * What the pages ask the gateways, handed on: the pages read jobs where everybody else does, so there is no second truth.
 * Only what the pages need is handed on, with a job to start or a filter of those to cancel as the only bodies, and nothing is added but the key
 * of who looks: what that may do, the gateway decides. It sees a request of a program; whether a web page may ask was judged by this listener.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type HttpReply, type HttpRequest, type HttpServer, http, https } from '@cc-executor/service';
import { hideContent, hideContentOfLines } from './content.ts';
import type { Entrance } from './identity/entrance.ts';
import { refuse } from './problem.ts';

const ROUTES = [
  // What the SDK asks, to find whether a gateway is there.
  ['HEAD', '/v1/openapi.json'],
  ['GET', '/v1/overview'],
  ['GET', '/v1/jobs'],
  ['POST', '/v1/jobs'],
  ['GET', '/v1/jobs/count'],
  ['POST', '/v1/jobs/cancel'],
  ['GET', '/v1/jobs/:jobId'],
  ['GET', '/v1/jobs/:jobId/events'],
  ['POST', '/v1/jobs/:jobId/cancel'],
  ['POST', '/v1/jobs/:jobId/pause'],
  ['POST', '/v1/jobs/:jobId/resume'],
  ['POST', '/v1/jobs/:jobId/rerun'],
] as const;

const ASKED = ['accept', 'authorization', 'idempotency-key'] as const;
const ANSWERED = ['content-type', 'retry-after', 'location', 'www-authenticate'] as const;
const NDJSON = 'application/x-ndjson';

/** How long a gateway may take to begin its answer. */
const ANSWER_MS = 15_000;

export type GatewayDoorOptions = {
  readonly gatewayUrl: string;
  /** Whether titles, prompts and output are handed on; only then are jobs started here, whose prompts and output they would be. */
  readonly showContent: boolean;
};

/** Adds the routes of the pages. A gateway that does not answer is 503 `unavailable`, in words. */
export function openGatewayDoor(
  app: HttpServer,
  { gatewayUrl, showContent, visitorOf, refused }: GatewayDoorOptions & Entrance,
): void {
  async function handOn(request: HttpRequest, reply: HttpReply): Promise<HttpReply> {
    const asked = {
      ...(request.body as object),
      ...Object.fromEntries(new URL(request.url, gatewayUrl).searchParams),
    };
    if (!showContent && 'text' in asked) {
      return refuse(reply, { status: 400, code: 'invalid_params', detail: 'texts are hidden here' });
    }
    if (!showContent && request.method === 'POST' && request.routeOptions.url === '/v1/jobs') {
      const detail = 'No jobs are started here: DASHBOARD_SHOW_CONTENT is off.';
      return refuse(reply, { status: 403, code: 'forbidden', detail });
    }
    let answer: IncomingMessage;
    try {
      const { key } = visitorOf(request);
      answer = await askGateway(request, reply, { gatewayUrl, showContent, key });
    } catch (error) {
      const detail = `No gateway answers at ${new URL(gatewayUrl).origin} (${describe(error)}).`;
      return refuse(reply, { status: 503, code: 'unavailable', detail });
    }
    if (answer.statusCode === 401) refused(request);
    reply
      .code(answer.statusCode ?? 502)
      .headers({ ...pick(answer.headers, ANSWERED), 'cache-control': 'no-store' });
    if (showContent) return reply.send(answer);
    if (answer.headers['content-type']?.startsWith(NDJSON))
      return reply.send(Readable.from(hideContentOfLines(answer)));
    const text = Buffer.concat(await answer.toArray()).toString();
    return reply.send(Buffer.from(text && JSON.stringify(hideContent(JSON.parse(text)))));
  }

  for (const [method, url] of ROUTES) app.route({ method, url, handler: handOn });
}

function askGateway(
  request: HttpRequest,
  reply: HttpReply,
  { gatewayUrl, showContent, key }: GatewayDoorOptions & { key: string | undefined },
): Promise<IncomingMessage> {
  // Of what was asked for only the path: an address would name another host, which was to be shown the key.
  const { pathname, search } = new URL(request.url, gatewayUrl);
  const url = new URL(gatewayUrl);
  const isEvents = pathname.endsWith('/events');
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers = {
    ...pick(request.headers, ASKED),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(isEvents && !showContent && { accept: NDJSON }),
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === 'https:' ? https.request : http.request;
  // A connection of its own: none that the gateway may have closed meanwhile, and none is held by a long stream.
  const path = `${pathname}${search}`;
  const asked = send(url, { method: request.method, path, headers, agent: false, timeout: ANSWER_MS });
  asked
    .on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)))
    .on('error', reject)
    .on('response', (answer) => {
      answer.socket.setTimeout(0);
      resolve(answer);
    })
    .end(body);
  reply.raw.once('close', () => asked.destroy());
  return promise;
}

function pick(headers: IncomingMessage['headers'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])),
  );
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
