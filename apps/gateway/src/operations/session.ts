/**
 * Who asks, and what they listen to: one session for each connection, whichever door it came in by. The tenant is said
 * here and nowhere else; everything that an operation does is done for the session's tenant.
 */
import type { Attachment, JobFeed, ReadLog } from '@cc-executor/job-log';
import type { Logger } from '@cc-executor/runtime';
import type { AbandonWatch } from '../chores/abandon-watch.ts';
import { type Attachments, createAttachments, type EventSink } from '../listening/attachments.ts';
import type { ListenerNotes } from '../listening/listener-notes.ts';
import { createReadTurns, type ReadTurns } from '../listening/read-turns.ts';
import type { Outlines } from '../listening/snapshot.ts';
import type { DoorName } from '../metrics.ts';

/** There is one tenant: nobody is asked who they are. */
const TENANT = 'default';

export type Session = {
  readonly tenant: string;
  readonly door: DoorName;
  /** A client that is cut off can come back and attach to its jobs; one that cannot has lost them. */
  readonly canReturn: boolean;
  readonly attachments: Attachments;
  /** What has no small bound is read in here: one after another, while the client has room for it. */
  readonly reads: ReadTurns;
  readonly logger: Logger;
};

/** Opens a session; `sink` takes the events of the jobs it listens to. It ends with `attachments.close()`. */
export type OpenSession = (
  client: Pick<Session, 'door' | 'canReturn' | 'logger'>,
  sink: EventSink,
) => Session;

export function createSessions(parts: {
  readLog: ReadLog;
  feed: JobFeed;
  abandonWatch: AbandonWatch;
  listenerNotes: ListenerNotes;
  readSoon: (attachment: Pick<Attachment, 'resume'>) => void;
}): OpenSession {
  const outlines: Outlines = new Map();
  return (client, sink) => {
    const reads = createReadTurns(sink.hasRoom);
    const own = { tenant: TENANT, reads, logger: client.logger, door: client.door };
    return { ...client, ...own, attachments: createAttachments({ ...parts, ...own, outlines }, sink) };
  };
}
