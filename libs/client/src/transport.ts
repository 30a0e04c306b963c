/**
 * Which way to the gateway: its native door over WebSocket, or HTTP where WebSockets are blocked or missing. With `auto`
 * a WebSocket that does not come to stand is followed by HTTP at once, and what worked last is tried first.
 */
import { mayReconnect } from '@cc-executor/protocol/plain';
import { openHttpSocket } from './http-socket.ts';
import {
  type Loss,
  openSocket,
  type Socket,
  type SocketOptions,
  type WebSocketConstructor,
} from './socket.ts';
import { fetchAs, openTicketed, type TokenSource } from './ticket.ts';

export type Transport = 'auto' | 'websocket' | 'http';

export type TransportOptions = {
  url: string;
  token: TokenSource | undefined;
  transport: Transport;
  /** Undefined: there is none here. */
  WebSocket: WebSocketConstructor | undefined;
  fetch: typeof fetch;
};

export type OpenTransport = (
  options: Pick<SocketOptions, 'connectTimeoutMs' | 'onConnected' | 'onFrame' | 'onLost'>,
) => Socket;

/** Throws a `TypeError` when a WebSocket is asked for and there is none. */
export function createTransport({
  url,
  token,
  transport,
  WebSocket,
  fetch: fetchAsAnybody,
}: TransportOptions): OpenTransport {
  const fetch = token === undefined ? fetchAsAnybody : fetchAs(token, fetchAsAnybody);
  const { socketUrl, httpBase } = addressesOf(url);
  const viaHttp: OpenTransport = (options) => openHttpSocket(httpBase, { ...options, fetch });
  if (transport === 'http' || (transport === 'auto' && WebSocket === undefined)) return viaHttp;
  if (WebSocket === undefined) {
    throw new TypeError('There is no global WebSocket here: pass a constructor as `WebSocket`, or use HTTP.');
  }
  const viaSocket: OpenTransport = (options) => {
    const open = (ticket?: string) => openSocket({ ...options, url: socketUrl, ticket, WebSocket });
    return token === undefined
      ? open()
      : openTicketed(open, { ...options, token, httpBase, fetch: fetchAsAnybody });
  };
  if (transport === 'websocket') return viaSocket;

  let preferred = viaSocket;
  return (options) => {
    const first = preferred;
    const second = first === viaSocket ? viaHttp : viaSocket;
    let isClosing = false;
    let firstLoss: Loss | undefined;
    let isConnected = false;

    function through(open: OpenTransport, onLost: (loss: Loss) => void): Socket {
      return open({
        ...options,
        onConnected(params) {
          isConnected = true;
          preferred = open;
          options.onConnected(params);
        },
        onLost,
      });
    }

    let socket = through(first, (loss) => {
      const isFinal =
        loss.violation !== undefined ||
        loss.refusal !== undefined ||
        (loss.code !== undefined && !mayReconnect(loss.code));
      if (isConnected || isClosing || isFinal) return options.onLost(loss);
      firstLoss = loss;
      socket = through(second, (secondLoss) =>
        options.onLost(isConnected ? secondLoss : (firstLoss ?? secondLoss)),
      );
    });
    return {
      send: (frame) => socket.send(frame),
      doubt: () => socket.doubt(),
      close(code, reason) {
        isClosing = true;
        socket.close(code, reason);
      },
    };
  };
}

/** From the address of either door that of both: `ws://host/ws`, `http://host/v1` and `http://host` mean the same gateway. */
function addressesOf(url: string): { socketUrl: string; httpBase: string } {
  const isHttp = /^https?:/.test(url);
  const stem = url.replace(/\/+$/, '').replace(isHttp ? /\/v1$/ : /\/ws$/, '');
  return {
    socketUrl: isHttp ? `${stem.replace(/^http/, 'ws')}/ws` : url,
    httpBase: `${stem.replace(/^ws/, 'http')}/v1`,
  };
}
