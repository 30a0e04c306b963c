/** What a door (a dialect of the protocol) is to the connection's socket, and what it is given. */
import type { Attachment, JobLog, Position } from '@cc-executor/job-log';
import type { CloseReason, ProtocolError } from '@cc-executor/protocol';
import type { Logger } from '@cc-executor/runtime';
import type { Attachments, EventSink } from '../listening/attachments.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Accept } from '../operations/accept.ts';
import type { Verify } from '../operations/verify.ts';
import type { Outbox } from './outbox.ts';

export type DoorContext = {
  connectionId: string;
  outbox: Outbox;
  log: JobLog;
  accept: Accept;
  verify: Verify;
  logger: Logger;
  heartbeatMs: number;
  metrics: Pick<GatewayMetrics, 'requests'>;
  createAttachments(sink: EventSink): Attachments;
  isDraining(): boolean;
  close(reason: CloseReason): void;
};

export type Door = {
  /** Takes one text frame. Never rejects. */
  receive(text: string): Promise<'taken' | 'malformed'>;
  /** Answers a frame that could not be read at all. */
  refuse(error: ProtocolError): void;
  attachments(): Iterable<Attachment>;
  beat(positions: Map<string, Position>): void;
  setDegraded(degraded: boolean): void;
  goAway(reason: string, reconnectAfterMs: number): void;
  /** The socket has room again. */
  resume(): void;
  /** The socket is gone. Idempotent. */
  close(): void;
};
