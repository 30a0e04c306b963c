/** What a WebSocket door (one way of speaking on a socket) is to the connection's socket, and what it is given. */
import type { Identity } from '@cc-executor/identity';
import type { CloseReason, ProtocolError, RequestId } from '@cc-executor/protocol';
import type { Logger } from '@cc-executor/runtime';
import type { Beating } from '../listening/heartbeats.ts';
import type { CeilingsFor } from '../operations/own-ceilings.ts';
import type { Requests } from '../operations/requests.ts';
import type { OpenSession } from '../operations/session.ts';
import type { Outbox } from './outbox.ts';

export type DoorContext = {
  connectionId: string;
  outbox: Outbox;
  identity: Identity;
  openSession: OpenSession;
  requests: Requests;
  logger: Logger;
  heartbeatMs: number;
  ceilingsFor: CeilingsFor;
  close(reason: CloseReason): void;
};

export type Door = Beating & {
  /** Takes one text frame. Rejects for a fault of ours only: then the connection is closed. */
  receive(text: string): Promise<'taken' | 'malformed'>;
  /** Answers a frame that was not read, under its id where that was found. */
  refuse(error: ProtocolError, id: RequestId): void;
  goAway(reason: string, reconnectAfterMs: number): void;
  /** The socket has room again. */
  resume(): void;
  /** The socket is gone. Idempotent. */
  close(): void;
};
