/**
 * The HTTP server of a service, and the only place where one is made: what must hold for every listener (limits, who is
 * answered, the form of errors, GET /health, /ready and /metrics) is said here once. Routes are added to it before it listens.
 */
import type { AddressInfo } from 'node:net';
import type { Metrics } from '@cc-executor/metrics';
import { explainListenError, type Logger } from '@cc-executor/runtime';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { createForeignCheck, type ForeignCheckOptions } from './foreign-check.ts';
import type { Health } from './health.ts';

export type HttpServer = FastifyInstance;
export type HttpRequest = FastifyRequest;
export type HttpReply = FastifyReply;

// Node's own bounds, of which fastify lifts the first and stretches the second.
const REQUEST_MS = 5 * 60_000;
const IDLE_CONNECTION_MS = 5_000;

export type HttpServerOptions = ForeignCheckOptions & {
  health: Health;
  metrics: Metrics;
  logger: Logger;
  /** The body of a 404: text, an object for JSON, or nothing. */
  describeMissing?: (request: HttpRequest) => string | object | undefined;
  /** The body that tells a client why its request failed. Of a fault of ours (500 and above) `message` says nothing. */
  describeFault?: (fault: { statusCode: number; message: string }) => object;
  /** Answers what is refused, or fails, in a form of its own; false where the usual one will do. */
  refuse?: (
    refusal: { statusCode: number; message: string },
    request: HttpRequest,
    reply: HttpReply,
  ) => boolean;
  bodyLimitBytes?: number;
  /** Whether closing lets requests that are under way come to their end, instead of cutting them off. */
  finishesRequests?: boolean;
};

/** Makes a server with the routes that every service has. `close()` of it is idempotent. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { health, metrics, logger, describeMissing = missing, describeFault = fault } = options;
  const { refuse = () => false } = options;
  const app = fastify({
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    forceCloseConnections: options.finishesRequests === true ? 'idle' : true,
    ...(options.bodyLimitBytes === undefined ? {} : { bodyLimit: options.bodyLimitBytes }),
    // A path that cannot be decoded names nothing.
    frameworkErrors: (_error, request, reply) => sendMissing(request, reply),
    // Bodies are judged by our own schemas. What compiles JSON schemas takes long to load.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  });
  // Node's own answer to what is not HTTP is as good, and does not write into a response that is under way.
  app.server.removeAllListeners('clientError');

  function sendMissing(request: HttpRequest, reply: HttpReply): HttpReply {
    if (refuse({ statusCode: 404, message: 'there is nothing at this path' }, request, reply)) return reply;
    const body = describeMissing(request);
    if (typeof body === 'string') reply.header('content-type', 'text/plain');
    return reply.code(404).send(body);
  }

  const refuseForeign = createForeignCheck(options);
  app.addHook('onRequest', async (request, reply) => {
    // A route is found for an address, too, though its host is none that was looked at.
    if (/^https?:/i.test(request.url)) {
      return sendFault({ statusCode: 400, message: 'ask for a path, not for an address' }, request, reply);
    }
    const message = refuseForeign(request.headers, request.method);
    if (message !== undefined) return sendFault({ statusCode: 403, message }, request, reply);
  });
  app.setNotFoundHandler(sendMissing);
  // Before its body is read: whoever asks for what is not here waits for nothing, and is not told what is wrong with it.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) return void sendMissing(request, reply);
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const statusCode = error.statusCode ?? 500;
    const isOurs = statusCode >= 500;
    if (isOurs) logger.error({ err: error }, 'request failed');
    return sendFault({ statusCode, message: isOurs ? 'internal error' : error.message }, request, reply);
  });

  function sendFault(
    refusal: { statusCode: number; message: string },
    request: HttpRequest,
    reply: HttpReply,
  ): HttpReply {
    if (refuse(refusal, request, reply)) return reply;
    return reply.code(refusal.statusCode).send(describeFault(refusal));
  }

  app.get('/health', async (_request, reply) => sendJson(reply, health.health()));
  app.get('/ready', async (_request, reply) => sendJson(reply, await health.ready()));
  if (metrics.isOn) {
    app.get('/metrics', async (_request, reply) => {
      const { contentType, body } = await metrics.scrape();
      return reply.headers({ 'content-type': contentType, 'cache-control': 'no-store' }).send(body);
    });
  }
  return app;
}

/**
 * Listens, and resolves to the port (the chosen one, when `port` is 0).
 *
 * @param options.portVariable the environment variable that sets the port, named in the error
 * @throws Error in plain words, with `code` EADDRINUSE, EACCES …
 */
export async function listenHttp(
  app: HttpServer,
  options: { host: string; port: number; portVariable: string },
): Promise<number> {
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    throw explainListenError(error as NodeJS.ErrnoException, options);
  }
  return (app.server.address() as AddressInfo).port;
}

/** Sends JSON that is of this moment, as a line. */
export function sendJson(
  reply: HttpReply,
  { status = 200, body }: { status?: number; body: object },
): HttpReply {
  // As bytes: to JSON text fastify adds a charset, which JSON does not have.
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  return reply
    .code(status)
    .headers({ 'content-type': 'application/json', 'cache-control': 'no-store' })
    .send(bytes);
}

function missing({ method, url }: HttpRequest): object {
  return { error: `there is no ${method} ${url.split('?', 1)[0]}` };
}

function fault({ message }: { message: string }): object {
  return { error: message };
}

function noSchemas(): never {
  throw new Error('routes have no JSON schemas here');
}
