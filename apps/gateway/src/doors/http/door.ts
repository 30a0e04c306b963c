/**
 * The HTTP door: reads a request by the table of the protocol, has it done by an operation, writes the answer. Routes,
 * what else is at a path (405, OPTIONS), and how all exchanges end when the gateway drains.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { anybody, type Identity } from '@cc-executor/identity';
import {
  checkParams,
  type HttpOperation,
  type HttpOperationName,
  httpOperations,
  ProtocolError,
  parseBody,
} from '@cc-executor/protocol';
import { within } from '@cc-executor/runtime';
import type { HttpReply, HttpRequest, HttpServer } from '@cc-executor/service';
import type { Admissions } from '../../identity/admissions.ts';
import type { Entrance } from '../../identity/entrance.ts';
import { errorAnswer } from '../error-answer.ts';
import type { HttpContext } from './context.ts';
import { type Exchange, openExchange } from './exchange.ts';
import { createHandlers } from './handlers.ts';
import { commonHeaders, preflightHeaders } from './headers.ts';
import { nestQuery } from './query.ts';
import { readBody, refuseEncoded } from './request-body.ts';
import { createSocketTurns } from './socket-turns.ts';

/** Everything at and below it is this door's. */
const ROOT = '/v1';
/** Clients come back within so long after a drain, spread out. */
const RETURN_MS = 1_000;

const operations = Object.entries(httpOperations) as [HttpOperationName, HttpOperation][];
const paths = operations.map(([, { method, path }]) => ({
  method,
  pattern: new RegExp(`^${path.replace('{+path}', '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));

export type HttpDoor = {
  /** Adds its routes. */
  addTo(server: HttpServer): void;
  /** Answers what is refused before a route has it; false when it is none of this door's. */
  refuse(refusal: { statusCode: number; message: string }, request: HttpRequest, reply: HttpReply): boolean;
  /** Answers that are under way. */
  exchanges(): number;
  /** Begins no streams from now on, tells those that there are, gives answers the grace to end. Called once. */
  close(): Promise<void>;
};

/** @param options.drainGraceMs how long answers that are under way may take at the end, in ms */
export function createHttpDoor(
  options: Omit<HttpContext, 'isClosing'> & { drainGraceMs: number; enter: Entrance; admissions: Admissions },
): HttpDoor {
  let isClosing = false;
  let onEmpty: (() => void) | undefined;
  const context: HttpContext = { ...options, isClosing: () => isClosing };
  const { requests } = context;
  const { enter, admissions } = options;
  const handlers = createHandlers(context);
  const turns = createSocketTurns(options.turns);
  const exchanges = new Set<Exchange>();

  async function serve(name: HttpOperationName, reply: HttpReply): Promise<void> {
    const operation: HttpOperation = httpOperations[name];
    const identity = operation.isPublic ? anybody : await admit(reply);
    if (identity === undefined) return;
    const exchange = openExchange(reply, identity, context);
    exchanges.add(exchange);
    admissions.add(identity, exchange.cutOff);
    void exchange.closed.then(() => {
      exchanges.delete(exchange);
      admissions.remove(exchange.cutOff);
      if (exchanges.size === 0) onEmpty?.();
    });
    try {
      await counted(identity, () => refuseEncoded(exchange.request));
      const watch = { grew: exchange.tookBody, mayRead: context.memory.mayRead };
      const hasBody = operation.method === 'POST' && !operation.lines;
      const text = hasBody ? await counted(identity, () => readBody(exchange.request, watch)) : '';
      await turns.take(exchange.request.socket, identity.tenant, async () => {
        const input = await counted(identity, () => readInput(operation, reply.request, text));
        // The table's schemas are those that the handler's input is inferred from.
        await (handlers[name] as (exchange: Exchange, input: object) => Promise<void>)(exchange, input);
      });
    } catch (error) {
      exchange.fail(error);
    }
  }

  /** Says who asks; whoever may not is answered. Nothing of the body has been read. */
  async function admit(reply: HttpReply): Promise<Identity | undefined> {
    try {
      return await enter(reply.request.raw, 'http');
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      requests.countRefusal({ door: 'http', identity: undefined }, error);
      sendError(reply, error, commonHeaders(reply.request.headers));
      return undefined;
    }
  }

  /** Reads what no operation has been asked for yet: what is refused here is counted here. */
  async function counted<T>(identity: Identity, read: () => T | Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof ProtocolError) requests.countRefusal({ door: 'http', identity }, error);
      throw error;
    }
  }

  /** Waits until the last exchange has ended, but no longer than `ms`. */
  async function emptied(ms: number): Promise<void> {
    if (exchanges.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    onEmpty = resolve;
    await within(promise, ms, { late: () => undefined });
  }

  return {
    addTo(server) {
      void server.register(async (door) => {
        // Bodies are read when it is their turn, bounded and counted, by `readBody`.
        door.removeAllContentTypeParsers();
        door.addContentTypeParser('*', (_request, _payload, done) => done(null));
        for (const [name, { method, path }] of operations) {
          const url = path.replace('{+path}', '*').replaceAll(/\{(\w+)\}/g, ':$1');
          door.route({ method, url, handler: (_request, reply) => serve(name, reply) });
        }
      });
    },
    refuse({ statusCode, message }, request, reply) {
      const path = request.url.split('?', 1)[0] ?? '/';
      if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return false;
      const there = statusCode === 404 ? methodsAt(path) : [];
      // With a method that is there the path cannot be decoded: it names nothing.
      const methods = there.includes(request.method) && request.method !== 'OPTIONS' ? [] : there;
      // Of a foreign request nothing is said to the page that sent it.
      const headers = statusCode === 403 ? {} : commonHeaders(request.headers);
      if (methods.length > 0 && request.method === 'OPTIONS') {
        void reply
          .code(204)
          .headers({ ...headers, ...preflightHeaders(methods) })
          .send();
        return true;
      }
      const error = refusalOf({ statusCode, message }, request, methods);
      requests.countRefusal({ door: 'http', identity: undefined }, error);
      sendError(reply, error, { ...headers, ...(methods.length > 0 && { allow: methods.join(', ') }) });
      return true;
    },
    exchanges: () => exchanges.size,
    async close() {
      isClosing = true;
      for (const exchange of exchanges) exchange.goAway(Math.floor(Math.random() * RETURN_MS));
      await emptied(options.drainGraceMs);
      for (const exchange of exchanges) exchange.cutOff('going_away');
      await emptied(1_000);
    },
  };
}

/** Without an exchange; what is left of the body is not read. */
function sendError(reply: HttpReply, error: ProtocolError, headers: OutgoingHttpHeaders): void {
  const { status, body, headers: own } = errorAnswer(error);
  const close = reply.request.raw.complete ? {} : { connection: 'close' };
  void reply
    .code(status)
    .headers({ ...headers, ...own, ...close })
    .send(Buffer.from(body));
}

/** Errors: `invalid_params`; those of `parseBody`. */
function readInput(operation: HttpOperation, request: HttpRequest, text: string): object {
  const { inPath, inQuery, inHeaders, body } = operation;
  return {
    ...checkParams(pathParams(request), inPath, 'path'),
    ...checkParams(nestQuery(request.query as Record<string, unknown>), inQuery, 'query'),
    ...checkParams(request.headers as IncomingHttpHeaders, inHeaders),
    body: body && (text === '' ? checkParams(undefined, body, 'body') : parseBody(text, body)),
  };
}

/** The rest of a path has a name, too. */
function pathParams({ params }: HttpRequest): object {
  const { '*': path, ...named } = params as Record<string, string>;
  return path === undefined ? named : { ...named, path };
}

function methodsAt(path: string): string[] {
  const methods = paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (methods.length === 0) return [];
  return [...(methods.includes('GET') ? ['HEAD'] : []), ...methods, 'OPTIONS'];
}

function refusalOf(
  { statusCode, message }: { statusCode: number; message: string },
  { method, url }: HttpRequest,
  methods: readonly string[],
): ProtocolError {
  if (methods.length > 0) {
    return new ProtocolError(
      'unknown_method',
      `${method.slice(0, 64)} is not for this path: ${methods.join(', ')} are.`,
    );
  }
  if (statusCode === 404) {
    return new ProtocolError('unknown_path', `There is nothing at ${url.split('?', 1)[0]?.slice(0, 256)}.`);
  }
  if (statusCode === 403) return new ProtocolError('foreign_request', message);
  return statusCode < 500 ? new ProtocolError('invalid_request', message) : new ProtocolError('internal');
}
