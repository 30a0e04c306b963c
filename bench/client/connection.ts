/** A connection of the load client to any of the systems, which differ in how they are spoken to. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { isBatch } from './event-reader.ts';

export type Target = {
  /** The product's protocol; a baseline's, on bare WebSockets; or Socket.IO's. */
  readonly kind: 'native' | 'plain' | 'socket.io';
  readonly url: string;
  /** Asks for events in batches, as the SDK does. */
  readonly inBatches?: boolean;
  /** Of a key, where the product asks who comes in. */
  readonly token?: string;
};

export type Connection = {
  /** Sends a request whose answer nobody waits for. */
  send(method: string, params: object): void;
  /**
   * Resolves with the result. Rejects with an answer that is an error.
   * @param onResult is called with it before anything that comes behind it is read
   */
  ask<R>(method: string, params: object, onResult?: (result: R) => void): Promise<R>;
  readonly isOpen: boolean;
  /** Reads nothing any more. */
  pause(): void;
  close(): Promise<void>;
};

/** @param head the beginning of a frame that is no answer, all of it when it holds a batch @param bytes how long the frame is */
export type OnFrame = (head: string, bytes: number) => void;

/** Frames up to this length are looked at whole; of longer ones the head says enough. */
const WHOLE_BYTES = 1_024;
const HEAD_BYTES = 512;
const CLOSE_MS = 2_000;
const ANSWER = '{"jsonrpc":"2.0","id":';
/** The requests after which events come. */
const LISTENING = new Set(['execute', 'attach']);

/** Opens one. Rejects when it cannot. */
export function openConnection(target: Target, onFrame: OnFrame): Promise<Connection> {
  return target.kind === 'socket.io' ? openSocketIo(target.url, onFrame) : openWebSocket(target, onFrame);
}

async function openWebSocket({ kind, url, inBatches, token }: Target, onFrame: OnFrame): Promise<Connection> {
  const subprotocols = kind === 'native' ? ['cc-executor.v1'] : [];
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ws = new WebSocket(url, subprotocols, { perMessageDeflate: false, headers });
  const waiting = new Map<number, { onResult(result: unknown): void; onError(error: Error): void }>();
  let lastId = 0;

  function send(method: string, params: object): number {
    lastId += 1;
    const asked = inBatches && LISTENING.has(method) ? { ...params, batches: true } : params;
    ws.send(JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params: asked }));
    return lastId;
  }

  function settle(text: string): void {
    const { id, result, error } = JSON.parse(text);
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.onResult(result);
    else asked?.onError(new Error(JSON.stringify(error)));
  }

  ws.on('message', (data: Buffer) => {
    const head = data.toString('latin1', 0, data.length > WHOLE_BYTES ? HEAD_BYTES : data.length);
    if (isBatch(head)) return onFrame(data.toString(), data.length);
    if (waiting.size > 0 && head.startsWith(ANSWER)) settle(data.toString());
    else onFrame(head, data.length);
  });
  ws.on('close', (code) => {
    for (const { onError } of waiting.values()) onError(new Error(`closed with ${code}`));
  });
  await once(ws, 'open');
  return {
    send,
    ask<R>(method: string, params: object, onResult?: (result: R) => void): Promise<R> {
      const { promise, resolve, reject } = Promise.withResolvers<R>();
      const settled = (result: unknown) => {
        onResult?.(result as R);
        resolve(result as R);
      };
      waiting.set(send(method, params), { onResult: settled, onError: reject });
      return promise;
    },
    get isOpen() {
      return ws.readyState === ws.OPEN;
    },
    pause: () => ws.pause(),
    async close() {
      if (ws.readyState === ws.CLOSED) return;
      ws.resume();
      const closed = once(ws, 'close');
      ws.close();
      const timer = setTimeout(() => ws.terminate(), CLOSE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function openSocketIo(url: string, onFrame: OnFrame): Promise<Connection> {
  const { io } = await import('socket.io-client');
  const socket = io(url, { transports: ['websocket'], forceNew: true });
  socket.on('event', (text: string) => onFrame(text, text.length));
  const { promise: isOpen, resolve, reject } = Promise.withResolvers<void>();
  socket.on('connect', resolve);
  socket.on('connect_error', reject);
  await isOpen;
  return {
    send: (method, params) => void socket.emit(method, params),
    async ask(method, params, onResult) {
      const result = await socket.emitWithAck(method, params);
      onResult?.(result);
      return result;
    },
    get isOpen() {
      return socket.connected;
    },
    pause() {
      throw new Error('Socket.IO has no such thing');
    },
    async close() {
      socket.close();
    },
  };
}
