import type { Notification } from '@cc-executor/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type WebSocketLike } from '../src/index.ts';

/** A WebSocket whose other side is gone: it is told what arrives and never closes. */
class DeafSocket implements WebSocketLike {
  static last: DeafSocket;
  #receive: (event: { data: unknown }) => void = () => {};
  readonly sent: string[] = [];

  constructor() {
    DeafSocket.last = this;
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {}

  addEventListener(type: string, listener: (event: never) => void): void {
    if (type === 'message') this.#receive = listener as (event: { data: unknown }) => void;
  }

  greet(): void {
    const limits = { maxFrameBytes: 1_000, maxAttachments: 10 };
    const params: Notification<'connected'> = {
      connectionId: 'c',
      version: '1',
      heartbeatMs: 10_000,
      limits,
    };
    this.#receive({ data: JSON.stringify({ jsonrpc: '2.0', method: 'connected', params }) });
  }
}

describe('a socket that never closes', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('does not keep close() waiting for longer than a second', async () => {
    const client = createClient({ url: 'ws://gone', WebSocket: DeafSocket });
    const connecting = client.connect();
    DeafSocket.last.greet();
    await connecting;
    let isClosed = false;
    const closing = client.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is closed even when it connects after close()', async () => {
    const client = createClient({ url: 'ws://gone', WebSocket: DeafSocket });
    const connecting = client.connect().catch((error: Error) => error);
    const closing = client.close();
    DeafSocket.last.greet();
    expect(client.state).toBe('closed');
    expect(await connecting).toMatchObject({ code: 'connection_closed' });
    await vi.advanceTimersByTimeAsync(1_000);
    await closing;
  });

  it('is given up after two and a half silent heartbeats, with another one made at once', async () => {
    const client = createClient({ url: 'ws://gone', WebSocket: DeafSocket, reconnect: { baseMs: 1 } });
    const connecting = client.connect();
    const first = DeafSocket.last;
    first.greet();
    await connecting;
    await vi.advanceTimersByTimeAsync(24_900);
    expect(client.state).toBe('connected');
    await vi.advanceTimersByTimeAsync(200);
    expect(client.state).toBe('reconnecting');
    expect(DeafSocket.last).not.toBe(first);
    DeafSocket.last.greet();
    expect(client.state).toBe('connected');
    const closing = client.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closing;
  });
});
