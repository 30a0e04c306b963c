/**
 * One WebSocket from opening to its end: the `connected` handshake, signs of life, frames in and out.
 * Invariant: `onLost` is called exactly once, and nothing is called after it. A half-open connection is given up
 * at once, without waiting for the closing handshake that will not come.
 */
import { type Notices, PROTOCOL_VERSION, SUBPROTOCOL } from '@cc-executor/protocol/plain';
import type { ClientError } from './errors.ts';
import { readServerFrame, type ServerFrame } from './frames.ts';
import { createHeartbeat } from './heartbeat.ts';

/** What we need of a WebSocket; the one of browsers and Node fits, and so does the `ws` package's. */
export type WebSocketLike = {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: 'error', listener: () => void): void;
};

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export type Loss = {
  /** The close code; none when we gave the connection up ourselves. */
  code?: number;
  reason: string;
  /** What the gateway sent against the protocol: do not come back. */
  violation?: string;
  /** The gateway does not let this client in: do not come back. */
  refusal?: ClientError;
};

export type SocketOptions = {
  url: string;
  /** Offered beside the subprotocol: it says who opens the connection. */
  ticket: string | undefined;
  WebSocket: WebSocketConstructor;
  /** For opening and for `connected` to arrive, in ms. */
  connectTimeoutMs: number;
  onConnected: (params: Notices['connected']) => void;
  /** `size` is the frame's length in UTF-16 units. */
  onFrame: (frame: ServerFrame, size: number) => void;
  onLost: (loss: Loss) => void;
};

export type Socket = {
  send(frame: string): void;
  /** The machine slept, or has another network: a sign of life has to come soon. */
  doubt(): void;
  /** Closes in order; `onLost` follows, at the latest after a second. */
  close(code: number, reason: string): void;
};

const CLOSE_GRACE_MS = 1_000;

/** Opens a connection. Errors, also those of the constructor, are told to `onLost`. */
export function openSocket(options: SocketOptions): Socket {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let heartbeat: ReturnType<typeof createHeartbeat> | undefined;
  let isClosing = false;
  let lost = false;
  const socket = construct(options);

  function arm(delayMs: number, action: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(action, delayMs);
  }

  function end(loss: Loss): void {
    if (lost) return;
    lost = true;
    clearTimeout(timer);
    options.onLost(loss);
  }

  function giveUp(reason: string, violation?: string): void {
    close(violation === undefined ? 4002 : 4500, reason);
    end({ reason, ...(violation === undefined ? {} : { violation }) });
  }

  function close(code: number, reason: string): void {
    try {
      socket?.close(code, reason);
    } catch {
      // A socket that refuses to be closed is left to its own end; we have stopped listening.
    }
  }

  function watch(isLastLook: boolean): void {
    const remainingMs = heartbeat?.remainingMs(performance.now()) ?? 0;
    if (remainingMs > 0) arm(remainingMs, () => watch(false));
    // After a blocked event loop, timers run before the frames that waited: let those in first.
    else if (!isLastLook) arm(0, () => watch(true));
    else giveUp('heartbeat_missed');
  }

  function receive(data: unknown): void {
    // After close() only its end counts; what was under way is asked for again.
    if (lost || isClosing) return;
    const frame = readServerFrame(data);
    if (frame.kind === 'violation') {
      giveUp('protocol_violation', frame.message);
    } else if (heartbeat) {
      heartbeat.seen(performance.now());
      options.onFrame(frame, (data as string).length);
    } else if (frame.kind === 'connected' && frame.params.version === PROTOCOL_VERSION) {
      begin(frame.params);
    } else {
      const expected = `'connected' of version ${PROTOCOL_VERSION}`;
      giveUp('protocol_violation', `The gateway did not begin with ${expected}.`);
    }
  }

  function begin(params: Notices['connected']): void {
    heartbeat = createHeartbeat(params.heartbeatMs, performance.now());
    watch(false);
    options.onConnected(params);
  }

  if (socket === undefined) {
    arm(0, () => end({ reason: 'the WebSocket could not be made' }));
  } else {
    arm(options.connectTimeoutMs, () => giveUp('no answer'));
    socket.addEventListener('message', (event) => receive(event.data));
    socket.addEventListener('close', (event) => end({ code: event.code, reason: event.reason }));
    // A close event always follows and says what there is to say.
    socket.addEventListener('error', () => {});
  }

  return {
    send: (frame) => socket?.send(frame),
    doubt() {
      if (lost || isClosing || !heartbeat) return;
      heartbeat.doubt(performance.now());
      watch(false);
    },
    close(code, reason) {
      if (lost || isClosing) return;
      isClosing = true;
      close(code, reason);
      arm(CLOSE_GRACE_MS, () => end({ code, reason }));
    },
  };
}

function construct({ url, ticket, WebSocket }: SocketOptions): WebSocketLike | undefined {
  try {
    return new WebSocket(url, [SUBPROTOCOL, ...(ticket === undefined ? [] : [ticket])]);
  } catch {
    // Thrown for an invalid URL; the caller learns it as a failed connection.
    return undefined;
  }
}
