/** What an operation is: one thing that can be asked of the gateway. It knows whose session asks, and no transport. */
import type { Method, Params, Result } from '@cc-executor/protocol';
import type { Session } from './session.ts';

/** A request whose parameters have been checked. */
export type Call<M extends Method = Method> = { [K in M]: { method: K; params: Params<K> } }[M];

export type Answer<M extends Method> = {
  result: Result<M>;
  /** Starts the events that the answer announces; the door calls it once the answer is out. */
  begin?: () => void;
  /** What was asked for is done, but its events cannot be listened to now: the client is to connect again and attach. */
  mustReturn?: true;
};

/** Rejects with a `ProtocolError` that is meant for the client; anything else is translated by `createRequests`. */
export type Operation<M extends Method> = (session: Session, params: Params<M>) => Promise<Answer<M>>;

export type Operations = { readonly [M in Method]: Operation<M> };
