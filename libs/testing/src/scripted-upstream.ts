/**
 * A scripted claude-api: a real HTTP server on loopback whose answers, and whose faults, are data. It writes the
 * bytes of its responses itself, so that a response can break at any byte and under any framing. It keeps what it
 * was asked and when each connection closed, and by whom.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

export type UpstreamStep =
  /** A line of NDJSON: an object, or text to which only the line end is added. */
  | { line: object | string }
  /** Bytes of the body, in one piece. */
  | { raw: Uint8Array | string }
  /** Bytes of the connection, outside any framing. */
  | { wire: Uint8Array | string }
  | { delayMs: number }
  /** Goes on when the promise settles, or when `release(name)` is called. */
  | { wait: Promise<unknown> | string }
  /** Ends the response in good order. A script that ends otherwise without a fault does so too. */
  | { end: true }
  /** Closes the connection (FIN) in the midst of it. */
  | { fin: true }
  /** Resets the connection (RST). */
  | { reset: true }
  /** Keeps the connection open and sends nothing more. */
  | { hang: true };

export type UpstreamScript = {
  /** Default 200. */
  status?: number;
  /** Beside the framing's own. Default is `content-type: application/x-ndjson`. */
  headers?: Record<string, string>;
  /** Default `chunked`; `close` means that the end of the connection is the end of the body. */
  framing?: 'chunked' | 'content-length' | 'close';
  /** Content-Length to claim; default is what the steps will write. */
  contentLength?: number;
  /** Steps before the head is sent, such as a delay, or a reset in place of an answer. */
  before?: readonly UpstreamStep[];
  steps?: readonly UpstreamStep[];
};

export type UpstreamCall = {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** The request's JSON body. */
  readonly body: Record<string, unknown>;
  /** Who ended the connection; undefined while it is open. */
  closedBy: 'upstream' | 'caller' | undefined;
  /** Resolves when the connection has closed. */
  readonly closed: Promise<'upstream' | 'caller'>;
};

export type ScriptedUpstream = {
  readonly url: string;
  readonly port: number;
  /** Every execution asked for so far, oldest first. */
  readonly calls: readonly UpstreamCall[];
  /** Ids of the executions that were cancelled by `DELETE /executions/{id}`. */
  readonly cancelled: readonly string[];
  /** Paths of the requests to pause or resume an execution. */
  readonly controls: readonly string[];
  /** Resolves when so many calls (default 1) have come. */
  whenCalled(count?: number): Promise<UpstreamCall>;
  /** Lets every script go on that waits for this name, now or later. */
  release(name: string): void;
  /** Changes what later calls are answered. */
  use(script: UpstreamScript | ((call: UpstreamCall) => UpstreamScript)): void;
  /** Connections that are open now. */
  openConnections(): number;
  close(): Promise<void>;
};

/**
 * Starts the server. `POST` to any path is an execution and gets the script; `GET /health` and `GET /ready` are
 * answered with 200, and so is a request to pause or resume, of which the script sends the lines.
 * @param options.control the status of the answers to those; called with their path
 * @param options.ready the status of `GET /ready` and `GET /health`; default 200 each
 */
export async function startScriptedUpstream(
  script: UpstreamScript | ((call: UpstreamCall) => UpstreamScript),
  options: {
    port?: number;
    host?: string;
    ready?: number;
    health?: number;
    control?: (path: string) => number;
  } = {},
): Promise<ScriptedUpstream> {
  let current = script;
  const calls: UpstreamCall[] = [];
  const cancelled: string[] = [];
  const controls: string[] = [];
  const sockets = new Set<Socket>();
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const watchers = new Set<() => void>();
  const { host = '127.0.0.1' } = options;

  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (/\/executions\/[^/]+\/(pause|resume)$/.test(path)) {
      controls.push(path);
      response.writeHead(options.control?.(path) ?? 200, { 'content-type': 'application/json' });
      response.end('{"scripted":true}');
      for (const watcher of watchers) watcher();
      return;
    }
    if (request.method === 'POST') {
      void execute(request, path);
      return;
    }
    if (request.method === 'DELETE') cancelled.push(path.split('/').at(-1) ?? '');
    const status = path.endsWith('/ready') ? options.ready : path.endsWith('/health') ? options.health : 200;
    response.writeHead(status ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status: (status ?? 200) < 300 ? 'ok' : 'failing' }));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  async function execute(request: IncomingMessage, path: string): Promise<void> {
    const { socket } = request;
    const { promise: closed, resolve } = Promise.withResolvers<'upstream' | 'caller'>();
    const player = createPlayer(socket, gate);
    const body = await text(request).catch(() => '{}');
    const call: UpstreamCall = {
      path,
      headers: request.headers,
      body: JSON.parse(body) as Record<string, unknown>,
      closedBy: undefined,
      closed,
    };
    const onClose = () => {
      call.closedBy = player.hasEnded() ? 'upstream' : 'caller';
      resolve(call.closedBy);
    };
    if (socket.destroyed) onClose();
    else socket.once('close', onClose);
    calls.push(call);
    for (const watcher of watchers) watcher();
    await player.play(typeof current === 'function' ? current(call) : current);
  }

  function gate(name: string): PromiseWithResolvers<void> {
    const known = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, known);
    return known;
  }

  server.listen(options.port ?? 0, host);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    calls,
    cancelled,
    controls,
    whenCalled(count = 1) {
      const { promise, resolve } = Promise.withResolvers<UpstreamCall>();
      const look = () => {
        const call = calls[count - 1];
        if (call === undefined) return;
        watchers.delete(look);
        resolve(call);
      };
      watchers.add(look);
      look();
      return promise;
    },
    release: (name) => gate(name).resolve(),
    use(next) {
      current = next;
    },
    openConnections: () => sockets.size,
    async close() {
      if (!server.listening) return;
      const ended = new Promise((resolve) => server.close(resolve));
      for (const { resolve } of gates.values()) resolve();
      for (const socket of sockets) socket.destroy();
      await ended;
    },
  };
}

/**
 * The script of one of the recordings in `recordings/`: `start`, the recorded lines, `complete`.
 * @param options.complete members of the complete line; false leaves it out
 */
export function recordingScript(
  name: string,
  options: { complete?: object | false; start?: boolean } = {},
): UpstreamScript & { steps: UpstreamStep[] } {
  const file = new URL(`../recordings/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const steps: UpstreamStep[] = lines.map((line) => ({ line }));
  if (options.start !== false) {
    steps.unshift({ line: { type: 'start', execution_id: 'scripted', engine: 'claude' } });
  }
  if (options.complete !== false) {
    const complete = { type: 'complete', execution_id: 'scripted', status: 'success', exit_code: 0 };
    steps.push({ line: { ...complete, ...options.complete } });
  }
  return { steps };
}

/** The bytes of the body that a script's steps write. */
export function scriptBody(steps: readonly UpstreamStep[]): Buffer {
  return Buffer.concat(steps.map((step) => bodyBytes(step) ?? Buffer.alloc(0)));
}

function bodyBytes(step: UpstreamStep): Buffer | undefined {
  if ('raw' in step) return Buffer.from(step.raw as string);
  if (!('line' in step)) return undefined;
  return Buffer.from(`${typeof step.line === 'string' ? step.line : JSON.stringify(step.line)}\n`);
}

/** Plays one script on one connection. */
function createPlayer(socket: Socket, gate: (name: string) => PromiseWithResolvers<void>) {
  let ended = false;
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  // What is written to a caller that has gone is lost, and that is all.
  socket.on('error', () => {});

  async function write(bytes: Uint8Array | string): Promise<void> {
    if (socket.destroyed || bytes.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.write(bytes, () => resolve());
    await Promise.race([promise, closed]);
  }

  /** Does a step; false means that nothing comes after it. */
  async function perform(step: UpstreamStep, framing: UpstreamScript['framing']): Promise<boolean> {
    const bytes = bodyBytes(step);
    if (bytes !== undefined) {
      const head = `${bytes.length.toString(16)}\r\n`;
      if (framing !== 'chunked') await write(bytes);
      else if (bytes.length > 0) await write(Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n')]));
    } else if ('wire' in step) {
      await write(step.wire);
    } else if ('delayMs' in step) {
      await Promise.race([delay(step.delayMs), closed]);
    } else if ('wait' in step) {
      await Promise.race([typeof step.wait === 'string' ? gate(step.wait).promise : step.wait, closed]);
    } else if ('fin' in step) {
      ended = true;
      socket.end();
      return false;
    } else if ('reset' in step) {
      ended = true;
      socket.resetAndDestroy();
      return false;
    } else if ('hang' in step) {
      await closed;
      return false;
    } else {
      return false;
    }
    return !socket.destroyed;
  }

  async function play(script: UpstreamScript): Promise<void> {
    const { framing = 'chunked', steps = [] } = script;
    for (const step of script.before ?? []) if (!(await perform(step, 'close'))) return;
    await write(head(script, framing, script.contentLength ?? scriptBody(steps).length));
    for (const step of steps) {
      if (await perform(step, framing)) continue;
      if ('end' in step) break;
      return;
    }
    ended = true;
    if (framing === 'chunked') await write('0\r\n\r\n');
    socket.end();
  }

  return { play, hasEnded: () => ended };
}

function head(script: UpstreamScript, framing: UpstreamScript['framing'], length: number): string {
  const headers: Record<string, string> = {
    'content-type': 'application/x-ndjson',
    ...script.headers,
    connection: 'close',
    ...(framing === 'chunked' && { 'transfer-encoding': 'chunked' }),
    ...(framing === 'content-length' && { 'content-length': String(length) }),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${script.status ?? 200} Scripted\r\n${lines.join('')}\r\n`;
}
