/**
 * Requests that wait for their answer. Each ends exactly once: by its result, by an error, by its time-out, or
 * with the connection. A request that may be sent again survives a lost connection and a draining gateway.
 */
import { type Requests as Protocol, resultShapes } from '@cc-executor/protocol/plain';
import { abortable, type CallOptions } from './abort.ts';
import { createDeferred } from './deferred.ts';
import { ClientError, readErrorMember } from './errors.ts';
import { findFault, type Shape } from './shape-check.ts';

export type Method = keyof Protocol;
export type Params<M extends Method> = Protocol[M]['params'];
export type Result<M extends Method> = Protocol[M]['result'];

export type RequestOptions<M extends Method> = CallOptions & {
  /** Executing it twice does no harm, so it is sent again when its answer was lost. */
  resend: boolean;
  /** Called in the same turn as the answer arrives: events may follow in that very turn. */
  onResult?: (result: Result<M>) => void;
  /** Called in its place when the caller's signal came first. */
  onLate?: (result: Result<M>) => void;
};

type Waiting = {
  id: number;
  method: Method;
  frame: string;
  resend: boolean;
  sends: number;
  inFlight: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  succeed: (result: unknown) => void;
  fail: (error: unknown) => void;
};

export type Requests = {
  add<M extends Method>(method: M, params: Params<M>, options: RequestOptions<M>): Promise<Result<M>>;
  /** Sends what is not under way, over a connection that takes frames of this size (bytes). */
  flush(send: (frame: string) => void, maxFrameBytes: number): void;
  /**
   * 'draining': this connection takes nothing new; what may be sent again is held for the next one.
   * 'progress': a caller has its answer. Attaching again and again is none.
   */
  settle(id: number, answer: { result: unknown } | { error: unknown }): 'progress' | 'none' | 'draining';
  connectionLost(): void;
  /** Ends those that wait for a connection. */
  failHeld(error: ClientError): void;
  failAll(error: ClientError): void;
};

const shapes: Partial<Record<Method, Shape>> = resultShapes;

/** A request that breaks each connection it is sent over is not sent a sixth time. */
const MAX_SENDS = 5;

export function createRequests(timeoutMs: number): Requests {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;

  function take(id: number): Waiting | undefined {
    const request = waiting.get(id);
    clearTimeout(request?.timer);
    waiting.delete(id);
    return request;
  }

  function fail(id: number, error: ClientError): void {
    take(id)?.fail(error);
  }

  /** What is under way can no longer be called back; what is not, is not sent. */
  function abandon<M extends Method>(
    id: number,
    reason: unknown,
    onLate: ((result: Result<M>) => void) | undefined,
  ): void {
    const request = waiting.get(id);
    if (!request?.inFlight) {
      take(id)?.fail(reason);
      return;
    }
    request.resend = false;
    request.succeed = (result) => onLate?.(result as Result<M>);
  }

  function hold(request: Waiting): void {
    clearTimeout(request.timer);
    request.inFlight = false;
  }

  return {
    add(method, params, options) {
      lastId += 1;
      const id = lastId;
      const { promise, resolve, reject } = createDeferred<Result<typeof method>>();
      waiting.set(id, {
        id,
        method,
        frame: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        resend: options.resend,
        sends: 0,
        inFlight: false,
        timer: undefined,
        succeed(result) {
          options.onResult?.(result as Result<typeof method>);
          resolve(result as Result<typeof method>);
        },
        fail: reject,
      });
      return abortable(options.signal, promise, (reason) => abandon(id, reason, options.onLate));
    },
    flush(send, maxFrameBytes) {
      for (const request of [...waiting.values()]) {
        if (request.inFlight) continue;
        if (isLarger(request.frame, maxFrameBytes)) {
          const message = `The request is larger than the ${maxFrameBytes} bytes that the gateway takes.`;
          fail(request.id, new ClientError('invalid_params', message));
          continue;
        }
        request.inFlight = true;
        request.sends += 1;
        request.timer = setTimeout(() => {
          const message = `No answer to '${request.method}' within ${timeoutMs} ms.`;
          fail(request.id, new ClientError('request_timeout', message));
        }, timeoutMs);
        send(request.frame);
      }
    },
    settle(id, answer) {
      const request = waiting.get(id);
      // An answer after its time-out: nobody waits for it.
      if (!request) return 'none';
      if ('error' in answer) {
        const error = readErrorMember(answer.error);
        const isDraining = error.code === 'draining';
        if (isDraining && request.resend && request.sends < MAX_SENDS) hold(request);
        else fail(id, error);
        return isDraining ? 'draining' : 'none';
      }
      const fault = findFault(shapes[request.method] ?? {}, answer.result);
      if (fault !== undefined) {
        const message = `The answer to '${request.method}' does not fit its schema: ${fault}.`;
        fail(id, new ClientError('protocol_violation', message));
        return 'none';
      }
      take(id)?.succeed(answer.result);
      return request.resend ? 'progress' : 'none';
    },
    connectionLost() {
      for (const request of [...waiting.values()]) {
        if (!request.resend) {
          fail(
            request.id,
            new ClientError('connection_closed', 'The connection was lost.', { retryable: true }),
          );
        } else if (request.sends >= MAX_SENDS) {
          const message = `'${request.method}' was sent ${MAX_SENDS} times, and each time the connection was lost.`;
          fail(request.id, new ClientError('request_timeout', message));
        } else {
          hold(request);
        }
      }
    },
    failHeld(error) {
      for (const { id, inFlight } of [...waiting.values()]) if (!inFlight) fail(id, error);
    },
    failAll(error) {
      for (const id of [...waiting.keys()]) fail(id, error);
    },
  };
}

function isLarger(frame: string, maxBytes: number): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8: most frames need no counting.
  return frame.length * 3 > maxBytes && new TextEncoder().encode(frame).length > maxBytes;
}
