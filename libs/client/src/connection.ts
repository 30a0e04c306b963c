/**
 * The connection's life: idle → connecting → connected ⇄ reconnecting → closed. It comes back by itself, as long as a job
 * needs it, sends unanswered requests again, and says when attachments must be made anew.
 * Invariant: every request gets an answer or an error, because none waits without end for a connection.
 */
import { mayReconnect, type Notices } from '@cc-executor/protocol/plain';
import { abortable, type CallOptions } from './abort.ts';
import { createDeferred } from './deferred.ts';
import { ClientError } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { createBackoff, type ReconnectPolicy, wasGood } from './reconnect.ts';
import { createRequests, type Method, type Params, type RequestOptions, type Result } from './requests.ts';
import type { Loss, Socket } from './socket.ts';
import type { OpenTransport } from './transport.ts';
import { onWake } from './wake-signals.ts';

export type ClientState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closed';
export type Connected = Notices['connected'];

/** A pino logger fits. */
export type ClientLogger = {
  debug(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
};

export type ConnectionOptions = {
  /** For messages. */
  url: string;
  open: OpenTransport;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  /** How long requests wait for a gateway. One that no job needs is waited for no longer either. */
  offlineTimeoutMs: number;
  reconnect: ReconnectPolicy;
  logger: ClientLogger | undefined;
  onState: (state: ClientState) => void;
  /** A connection stands, the first or a later one: nothing is attached to it yet. */
  onConnected: () => void;
  onLost: () => void;
  /** Jobs are listened to: it comes back however long that takes. */
  isNeeded: () => boolean;
  /** Given up, or closed: no request and no job that waits will go on. */
  onEnd: (error: ClientError) => void;
  onNotification: (frame: ServerFrame, size: number) => void;
};

export type Connection = {
  readonly state: ClientState;
  /** Why it will not come back by itself. */
  readonly endedBy: ClientError | undefined;
  /** Frames can be sent now. */
  isReady(): boolean;
  /** Also after it was given up. */
  connect(call?: CallOptions): Promise<Connected>;
  request<M extends Method>(method: M, params: Params<M>, options: RequestOptions<M>): Promise<Result<M>>;
  /** A job went forward: earlier failures no longer count. */
  progress(): void;
  close(): Promise<void>;
};

export function createConnection(options: ConnectionOptions): Connection {
  const { url, logger } = options;
  const requests = createRequests(options.requestTimeoutMs);
  const backoff = createBackoff(options.reconnect);
  let state: ClientState = 'idle';
  let socket: Socket | undefined;
  let connected: Connected | undefined;
  let connectedAt = 0;
  let comeBackAt = 0;
  let lostAt = 0;
  let isDraining = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let arrival = waitForArrival();
  let endedBy: ClientError | undefined;
  let isClosed = false;
  const socketGone = createDeferred<void>();

  function enter(next: ClientState): void {
    if (state === next) return;
    state = next;
    logger?.debug({ state, url }, 'client state');
    options.onState(next);
  }

  function open(): void {
    socket = options.open({
      connectTimeoutMs: options.connectTimeoutMs,
      onConnected: arrive,
      onFrame: receive,
      onLost: lose,
    });
  }

  function arrive(params: Connected): void {
    connected = params;
    connectedAt = performance.now();
    isDraining = false;
    enter('connected');
    arrival.resolve(params);
    flush();
    options.onConnected();
  }

  function isReady(): boolean {
    return state === 'connected' && !isDraining;
  }

  function flush(): void {
    const out = socket;
    if (!isReady() || !out || !connected) return;
    requests.flush((frame) => out.send(frame), connected.limits.maxFrameBytes);
  }

  function receive(frame: ServerFrame, size: number): void {
    if (frame.kind === 'result') settle(frame.id, { result: frame.result });
    else if (frame.kind === 'error' && frame.id !== undefined) settle(frame.id, { error: frame.error });
    else if (frame.kind === 'error') logger?.warn({ error: frame.error }, 'gateway could not read a request');
    else if (frame.kind === 'goaway') drain(frame.params.reconnectAfterMs);
    else options.onNotification(frame, size);
  }

  function settle(id: number, answer: { result: unknown } | { error: unknown }): void {
    const outcome = requests.settle(id, answer);
    if (outcome === 'progress') backoff.progress();
    if (outcome === 'draining' && !isDraining) drain(options.reconnect.baseMs);
  }

  /** Events go on coming over the old connection until it is time to make a new one. */
  function drain(reconnectAfterMs: number): void {
    isDraining = true;
    comeBackAt = performance.now() + reconnectAfterMs;
    clearTimeout(timer);
    timer = setTimeout(() => socket?.close(1000, 'reconnecting'), reconnectAfterMs);
  }

  function lose(loss: Loss): void {
    socket = undefined;
    clearTimeout(timer);
    logger?.debug({ code: loss.code, reason: loss.reason, url }, 'client connection lost');
    if (isClosed) {
      socketGone.resolve();
    } else if (loss.refusal !== undefined) {
      end(loss.refusal);
    } else if (loss.violation !== undefined) {
      end(new ClientError('protocol_violation', loss.violation));
    } else if (loss.code !== undefined && !mayReconnect(loss.code)) {
      end(new ClientError('connection_closed', `The gateway closed with ${describe(loss)}.`));
    } else if (state === 'connecting') {
      failFirst(loss);
    } else {
      if (state === 'connected') leaveConnected();
      retry(loss);
    }
  }

  function leaveConnected(): void {
    lostAt = performance.now();
    if (wasGood(connectedAt, lostAt)) backoff.progress();
    arrival = waitForArrival();
    enter('reconnecting');
    requests.connectionLost();
    options.onLost();
  }

  function retry(loss: Loss): void {
    const delayMs = backoff.next();
    const isPatient = performance.now() - lostAt < options.offlineTimeoutMs;
    const error = new ClientError('connect_failed', `The gateway at ${url} is gone: ${describe(loss)}.`);
    if (delayMs === undefined || !(isPatient || options.isNeeded())) {
      giveUp(error);
      return;
    }
    if (!isPatient) failWaiting(error);
    const announcedMs = comeBackAt - performance.now();
    timer = setTimeout(open, announcedMs > 0 ? announcedMs : delayMs);
  }

  /** Ends what waits for a connection, and nothing else. */
  function failWaiting(error: ClientError): void {
    const { reject } = arrival;
    arrival = waitForArrival();
    requests.failHeld(error);
    reject(error);
  }

  function failFirst(loss: Loss): void {
    enter('idle');
    failWaiting(new ClientError('connect_failed', `No gateway at ${url}: ${describe(loss)}.`));
  }

  /** Ends all that waits; the next request, or `connect()`, begins anew. */
  function giveUp(error: ClientError): void {
    backoff.progress();
    enter('idle');
    failWaiting(error);
    options.onEnd(error);
  }

  function end(error: ClientError): void {
    if (state === 'closed') return;
    endedBy = error;
    clearTimeout(timer);
    enter('closed');
    requests.failAll(error);
    failWaiting(error);
    options.onEnd(error);
  }

  async function connect(call?: CallOptions): Promise<Connected> {
    if (isClosed && endedBy) throw endedBy;
    if (state === 'idle' || state === 'closed') {
      endedBy = undefined;
      enter('connecting');
      open();
    }
    return abortable(call?.signal, arrival.promise);
  }

  /** The network is back, or the page shows again. */
  function wake(): void {
    if (state === 'connected') socket?.doubt();
    else if (state === 'reconnecting' && !socket && performance.now() >= comeBackAt) {
      clearTimeout(timer);
      open();
    }
  }

  const stopWaking = onWake(wake);

  return {
    get state() {
      return state;
    },
    get endedBy() {
      return endedBy;
    },
    isReady,
    connect,
    async request(method, params, requestOptions) {
      requestOptions.signal?.throwIfAborted();
      if (state === 'idle' || state === 'connecting') await connect(requestOptions);
      if (endedBy) throw endedBy;
      const answer = requests.add(method, params, requestOptions);
      flush();
      return answer;
    },
    progress: backoff.progress,
    close() {
      if (!isClosed) {
        isClosed = true;
        stopWaking();
        end(new ClientError('connection_closed', 'The client was closed.'));
        if (socket) socket.close(1000, 'closed');
        else socketGone.resolve();
      }
      return socketGone.promise;
    },
  };
}

function waitForArrival() {
  const waiting = createDeferred<Connected>();
  // Nobody may be waiting when it fails; whoever does, gets the error through their own promise.
  waiting.promise.catch(() => {});
  return waiting;
}

function describe({ code, reason }: Loss): string {
  const parts = [code === undefined || code === 1006 ? '' : `code ${code}`, reason].filter(
    (part) => part !== '',
  );
  return parts.join(' ') || 'the connection failed';
}
