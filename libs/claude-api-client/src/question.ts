/** Asks claude-api something short, beside its executions: a connection of its own, by the same rules. */
import { Client } from 'undici';
import { type Lookup, openConnection } from './connect.ts';

export interface QuestionOptions {
  target: URL;
  connectTimeoutMs: number;
  lookup: Lookup;
  signal: AbortSignal;
}

/** Opens the connection with the first request. The caller destroys it. Its requests reject with `ConnectError`. */
export function openQuestions({
  target,
  connectTimeoutMs: timeoutMs,
  lookup,
  signal,
}: QuestionOptions): Client {
  return new Client(target.origin, {
    pipelining: 0,
    allowH2: false,
    connect: (_target, callback) => {
      openConnection(target, { timeoutMs, lookup, signal }).then(
        (socket) => callback(null, socket),
        (error) => callback(error, null),
      );
    },
  });
}
