/**
 * A gateway that does what the test says: accepts connections, hands over each request, sends what it is told.
 * Tests wait for what arrives, never for time to pass.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  createEpoch,
  createJobId,
  type EventBody,
  errorFrame,
  ProtocolError,
  type ProtocolErrorCode,
  SUBPROTOCOL,
} from '@cc-executor/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

type ScriptedRequest = { id: number; method: string; params: Record<string, unknown> };

export type ScriptedConnection = {
  /** The next request, which must be of this method. */
  expect(method: string): Promise<ScriptedRequest>;
  /** The methods of requests that arrived and were not expected. */
  unexpected(): string[];
  reply(request: ScriptedRequest, result: unknown): void;
  refuse(request: ScriptedRequest, code: ProtocolErrorCode, retryAfterMs?: number): void;
  notify(method: string, params: unknown): void;
  raw(data: string | Buffer): void;
  /** Sends several frames in one write, so that the client reads them in one turn. */
  together(send: () => void): void;
  close(code: number, reason?: string): void;
  /** Breaks the connection without a closing handshake. */
  cut(): void;
  /** The close code that the client sent (1006: none). */
  readonly closed: Promise<number>;
};

export type ScriptedGateway = {
  url: string;
  /** Resolves with the next connection, which has been sent `connected` unless `greet` is false. */
  accept(): Promise<ScriptedConnection>;
  close(): Promise<void>;
};

export type ScriptedJob = {
  jobId: string;
  epoch: string;
  accepted: { jobId: string; epoch: string; status: string; created: boolean };
  /** The parameters of an `event` notification. */
  event(seq: number, body: EventBody): Record<string, unknown>;
};

export function scriptJob(): ScriptedJob {
  const jobId = createJobId();
  const epoch = createEpoch();
  return {
    jobId,
    epoch,
    accepted: { jobId, epoch, status: 'queued', created: true },
    event: (seq, body) => ({ jobId, epoch, seq, attempt: seq === 1 ? 0 : 1, time: 1_000 + seq, ...body }),
  };
}

export const queued: EventBody = { type: 'queued' };
export const started: EventBody = { type: 'started', engine: 'claude' };
export const completed: EventBody = { type: 'completed', evidence: 'complete-line' };
export const output = (text: string): EventBody => ({ type: 'output', text });

export async function startScriptedGateway({
  port = 0,
  heartbeatMs = 60_000,
  maxFrameBytes = 262_144,
  greet = true,
} = {}): Promise<ScriptedGateway> {
  const server = new WebSocketServer({ port, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOL });
  await once(server, 'listening');
  const connections = createChannel<ScriptedConnection>();
  server.on('connection', (socket) => {
    const connection = scriptConnection(socket);
    if (greet) {
      const limits = { maxFrameBytes, maxAttachments: 1_000 };
      connection.notify('connected', { connectionId: 'conn_1', version: '1', heartbeatMs, limits });
    }
    connections.put(connection);
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
    accept: connections.take,
    async close() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function scriptConnection(socket: WebSocket): ScriptedConnection {
  const requests = createChannel<ScriptedRequest>();
  socket.on('message', (data) => requests.put(JSON.parse(String(data))));
  const send = (frame: object) => socket.send(JSON.stringify({ jsonrpc: '2.0', ...frame }));
  return {
    async expect(method) {
      const request = await requests.take();
      if (request.method !== method) throw new Error(`expected '${method}', got ${JSON.stringify(request)}`);
      return request;
    },
    unexpected: () => requests.items.map(({ method }) => method),
    reply: (request, result) => send({ id: request.id, result }),
    refuse: (request, code, retryAfterMs) =>
      socket.send(errorFrame(request.id, new ProtocolError(code, undefined, retryAfterMs))),
    notify: (method, params) => send({ method, params }),
    raw: (data) => socket.send(data),
    together(sendAll) {
      const { _socket: tcp } = socket as unknown as { _socket: { cork(): void; uncork(): void } };
      tcp.cork();
      sendAll();
      tcp.uncork();
    },
    close: (code, reason = '') => socket.close(code, reason),
    cut: () => socket.terminate(),
    closed: new Promise((resolve) => socket.on('close', resolve)),
  };
}

function createChannel<T>() {
  const items: T[] = [];
  const waiting: ((item: T) => void)[] = [];
  return {
    items,
    put(item: T) {
      const waiter = waiting.shift();
      if (waiter) waiter(item);
      else items.push(item);
    },
    take: async (): Promise<T> =>
      items.length > 0 ? (items.shift() as T) : new Promise<T>((resolve) => waiting.push(resolve)),
  };
}
