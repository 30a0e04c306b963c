/** Asks claude-api something short, beside its executions: a connection of its own, by the same rules. */
import { type Lookup, openConnection } from './connect.ts';
import { Client, type Dispatcher } from './undici.ts';

export type QuestionOptions = {
  target: URL;
  token: string | undefined;
  /** Whose what is asked for is, where that matters. */
  tenant?: string | undefined;
  connectTimeoutMs: number;
  lookup: Lookup;
  signal: AbortSignal;
};

/** The headers that show the token, and say whose it is that is asked for. */
export function authorize(token: string | undefined, tenant: string | undefined): Record<string, string> {
  return {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(tenant !== undefined && { 'x-tenant': tenant }),
  };
}

/** Opens the connection with the first request. The caller destroys it. Its requests reject with `ConnectError`. */
export function openQuestions({
  target,
  token,
  tenant,
  connectTimeoutMs: timeoutMs,
  lookup,
  signal,
}: QuestionOptions): Dispatcher {
  const client = new Client(target.origin, {
    pipelining: 0,
    allowH2: false,
    connect: (_target, callback) => {
      openConnection(target, { timeoutMs, lookup, signal }).then(
        (socket) => callback(null, socket),
        (error) => callback(error, null),
      );
    },
  });
  return client.compose(
    (dispatch) => (request, handler) =>
      dispatch(
        { ...request, headers: { ...(request.headers as object), ...authorize(token, tenant) } },
        handler,
      ),
  );
}
