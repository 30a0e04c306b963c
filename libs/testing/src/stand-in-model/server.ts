/**
 * A stand-in for the model: an HTTP server that speaks enough of Anthropic's Messages API for the real
 * Claude Code, and answers as the prompt's directives (directives.ts) or a script say.
 * Deterministic, on loopback only, and it keeps what it was asked.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type ModelBehaviour, parseDirectives } from './directives.ts';
import { type ModelRequest, readModelRequest } from './model-request.ts';
import { composeReply } from './reply.ts';
import { streamReply, writeError, writeMessage } from './reply-writer.ts';

type ModelCall = ModelRequest & {
  /** How its response ended; undefined while it is under way. */
  ending: 'answered' | 'caller-gone' | 'dropped' | undefined;
};

export type StandInModel = {
  /** Its address, for ANTHROPIC_BASE_URL. */
  readonly url: string;
  /** Every `POST /v1/messages` so far, oldest first. */
  readonly requests: readonly ModelCall[];
  /** Resolves when a request satisfies the condition, at once if one did already. */
  waitForRequest(condition?: (call: ModelCall) => boolean): Promise<ModelCall>;
  /** Resolves when the response to this request has ended. */
  waitForEnding(call: ModelCall): Promise<ModelCall['ending']>;
  /** Cuts every connection and stops. */
  close(): Promise<void>;
};

/** Chooses the behaviour of a request; undefined leaves it to the prompt's directives. */
export type ModelScript = (request: ModelRequest) => ModelBehaviour | undefined;

/**
 * Starts the server on loopback.
 *
 * @param options.port default 0, a free one
 */
export async function startStandInModel(
  options: { script?: ModelScript; port?: number } = {},
): Promise<StandInModel> {
  const requests: ModelCall[] = [];
  const watchers = new Set<() => void>();
  const notify = () => {
    for (const watcher of watchers) watcher();
  };

  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'POST') response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    else if (path === '/v1/messages') void answer(request, response);
    else if (path === '/v1/messages/count_tokens') void countTokens(request, response);
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    let call: ModelCall | undefined;
    response.once('close', () => {
      gone.abort();
      if (call === undefined) return;
      call.ending ??= response.writableFinished ? 'answered' : 'caller-gone';
      notify();
    });
    try {
      call = { ...readModelRequest(await text(request)), ending: undefined };
      requests.push(call);
      notify();
      await perform(call, response, gone.signal);
    } catch (error) {
      // The caller may leave at any time, also while it still sends its request.
      if (gone.signal.aborted) return;
      if (!response.headersSent) writeError(response, { status: 400 });
      else response.destroy(error as Error);
    }
  }

  async function perform(call: ModelCall, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const behaviour = options.script?.(call) ?? parseDirectives(call.prompt);
    const earlier = requests.filter((other) => other !== call && other.prompt === call.prompt).length;
    if (behaviour.status !== undefined && earlier < behaviour.status.times) {
      return writeError(response, { status: behaviour.status.code });
    }
    if (behaviour.error !== undefined) return writeError(response, behaviour.error);
    if (behaviour.hang === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      return;
    }
    const reply = composeReply(call, behaviour);
    if (call.stream) {
      await streamReply(response, call.model, reply, behaviour, signal);
      if (response.destroyed && !response.writableEnded) call.ending = 'dropped';
    } else {
      if (behaviour.waitMs !== undefined) await delay(behaviour.waitMs, undefined, { signal });
      writeMessage(response, call.model, reply, behaviour);
    }
  }

  async function countTokens(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // What the caller sent is of no interest, but it must be read before the answer.
    const length = await text(request).then(
      (body) => body.length,
      () => 0,
    );
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ input_tokens: Math.ceil(length / 4) }));
  }

  function waitUntil<T>(find: () => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const check = () => {
      const found = find();
      if (found === undefined) return;
      watchers.delete(check);
      resolve(found);
    };
    watchers.add(check);
    check();
    return promise;
  }

  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    waitForRequest: (condition = () => true) => waitUntil(() => requests.find(condition)),
    waitForEnding: (call) => waitUntil(() => call.ending),
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
