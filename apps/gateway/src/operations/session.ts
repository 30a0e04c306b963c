/**
 * Who asks, and what they listen to: one session for each connection, whichever door it came in by. The tenant is that of
 * the identity; everything that an operation does is done for the session's tenant. For who sees the jobs of all, an
 * operation on one job is given the session as that of the tenant whose it is (reach.ts).
 */
import type { Identity } from '@cc-executor/identity';
import type { Attachment, JobFeed, ReadLog } from '@cc-executor/job-log';
import type { Logger } from '@cc-executor/runtime';
import type { AbandonWatch } from '../chores/abandon-watch.ts';
import { type Attachments, createAttachments, type EventSink } from '../listening/attachments.ts';
import type { DeliveryLag } from '../listening/delivery-lag.ts';
import type { ListenerNotes } from '../listening/listener-notes.ts';
import { createReadTurns, type ReadTurns } from '../listening/read-turns.ts';
import type { Outlines } from '../listening/snapshot.ts';
import type { DoorName } from '../metrics.ts';
import type { Crowd } from '../quotas/crowd.ts';

export type Session = {
  readonly tenant: string;
  readonly identity: Identity;
  readonly door: DoorName;
  /** A client that is cut off can come back and attach to its jobs; one that cannot has lost them. */
  readonly canReturn: boolean;
  readonly attachments: Attachments;
  /** What has no small bound is read in here: one after another, while the client has room for it. */
  readonly reads: ReadTurns;
  readonly logger: Logger;
};

/**
 * Opens a session; `sink` takes the events of the jobs it listens to. It ends with `attachments.close()`. `cutOff` closes the connection of a
 * client that can return.
 */
export type OpenSession = (
  client: Pick<Session, 'door' | 'canReturn' | 'logger'> & { cutOff?: () => void },
  sink: EventSink,
) => Session;

/** Of a connection whose identity is known. */
export type OpenSessionAs = (identity: Identity) => OpenSession;

export function createSessions(parts: {
  readLog: ReadLog;
  feed: JobFeed;
  abandonWatch: AbandonWatch;
  listenerNotes: ListenerNotes;
  deliveryLag: DeliveryLag;
  readSoon: (attachment: Pick<Attachment, 'resume'>) => void;
  crowd: Pick<Crowd, 'attach'>;
}): OpenSessionAs {
  const outlines: Outlines = new Map();
  return (identity) => (connection, sink) => {
    const { cutOff, ...client } = connection;
    const putOut = () => {
      client.logger.warn(
        'this gateway stood still, and others have taken its places: a connection is closed',
      );
      cutOff?.();
    };
    const reads = createReadTurns(sink.hasRoom);
    const own = { identity, tenant: identity.tenant, reads, logger: client.logger, door: client.door };
    const takePlace = () => parts.crowd.attach(identity, client.canReturn ? putOut : undefined);
    return {
      ...client,
      ...own,
      attachments: createAttachments({ ...parts, ...own, outlines, takePlace }, sink),
    };
  };
}
