/** What a WebSocket door (one way of speaking on a socket) is to the connection's socket, and what it is given. */
import type { CloseReason, ProtocolError } from '@cc-executor/protocol';
import type { Logger } from '@cc-executor/runtime';
import type { Beating } from '../listening/heartbeats.ts';
import type { Requests } from '../operations/requests.ts';
import type { OpenSession } from '../operations/session.ts';
import type { Outbox } from './outbox.ts';

export type DoorContext = {
  connectionId: string;
  outbox: Outbox;
  openSession: OpenSession;
  requests: Requests;
  logger: Logger;
  heartbeatMs: number;
  close(reason: CloseReason): void;
};

export type Door = Beating & {
  /** Takes one text frame. Never rejects. */
  receive(text: string): Promise<'taken' | 'malformed'>;
  /** Answers a frame that could not be read at all. */
  refuse(error: ProtocolError): void;
  goAway(reason: string, reconnectAfterMs: number): void;
  /** The socket has room again. */
  resume(): void;
  /** The socket is gone. Idempotent. */
  close(): void;
};
