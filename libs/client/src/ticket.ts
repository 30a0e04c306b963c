/**
 * What the SDK comes in with where the gateway asks who that is. With a WebSocket a page cannot send a token: it is exchanged
 * for a ticket each time. A ticket, as a page is given by its own server, is taken as it is.
 */
import { TICKET_PREFIX } from '@cc-executor/protocol/plain';
import { asRecord, ClientError, readProblem } from './errors.ts';
import type { Loss, Socket } from './socket.ts';

/** A token, or a ticket; or what gives one for each new connection. */
export type TokenSource = string | (() => string | Promise<string>);

type Ticketing = {
  token: TokenSource;
  httpBase: string;
  fetch: typeof fetch;
  connectTimeoutMs: number;
  onLost: (loss: Loss) => void;
};

/** Sends the token with each request. */
export function fetchAs(token: TokenSource, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (address, init) => {
    const headers = { ...(init?.headers as object), authorization: `Bearer ${await read(token)}` };
    return fetch(address, { ...init, headers });
  };
}

/** A socket that is opened when its ticket has come. */
export function openTicketed(open: (ticket: string) => Socket, options: Ticketing): Socket {
  let socket: Socket | undefined;
  let isClosed = false;

  function lose(loss: Loss): void {
    if (isClosed) return;
    isClosed = true;
    options.onLost(loss);
  }

  fetchTicket(options).then(
    (ticket) => {
      if (!isClosed) socket = open(ticket);
    },
    (error: Error) => {
      const isFinal = error instanceof ClientError && !error.retryable;
      lose({ reason: `no ticket: ${error.message}`, ...(isFinal && { refusal: error }) });
    },
  );
  return {
    send: (frame) => socket?.send(frame),
    doubt: () => socket?.doubt(),
    close(code, reason) {
      if (socket) socket.close(code, reason);
      else queueMicrotask(() => lose({ code, reason }));
    },
  };
}

async function fetchTicket({ token, httpBase, fetch, connectTimeoutMs }: Ticketing): Promise<string> {
  const shown = await read(token);
  if (shown.startsWith(TICKET_PREFIX)) return shown;
  const response = await fetch(`${httpBase}/tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${shown}` },
    signal: AbortSignal.timeout(connectTimeoutMs),
  });
  const answer = asRecord(await response.json());
  if (!response.ok) throw readProblem(answer);
  if (typeof answer.ticket === 'string') return answer.ticket;
  throw new ClientError('protocol_violation', 'The gateway gave no ticket.');
}

async function read(token: TokenSource): Promise<string> {
  return typeof token === 'string' ? token : token();
}
