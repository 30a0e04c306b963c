/**
 * The attachments of one connection: which jobs it listens to, and from where. Events are forwarded in the form in
 * which the worker wrote them.
 */
import {
  type Attachment,
  attach,
  type JobFeed,
  type Listener,
  type Position,
  type ReadLog,
  type StoredBatch,
} from '@cc-executor/job-log';
import { isTerminal, MAX_ATTACHMENTS, ProtocolError } from '@cc-executor/protocol';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger } from '@cc-executor/runtime';
import type { AbandonWatch } from '../chores/abandon-watch.ts';
import type { DeliveryLag } from './delivery-lag.ts';
import type { EndNote, ListenerNotes } from './listener-notes.ts';
import { ConnectionClosedError, type ReadTurns } from './read-turns.ts';
import { LogLostError, type Outlines, readSnapshot, type SnapshotOf, type SnapshotPage } from './snapshot.ts';

/** What a door does with the events of a job. */
export type EventSink = {
  /** `isTogether`: the client takes several in one message. */
  events(batch: StoredBatch, isTogether: boolean): void;
  /** A page of the snapshot with which an attachment begins. */
  snapshot(page: SnapshotPage): void;
  lost(jobId: string, lastSeq: number, reason: string): void;
  hasRoom(): boolean;
  /** How much to send at once, at most; an event that is longer comes alone. */
  pageBytes(): number;
};

/** A job, and whose it is: as the job of another it is not found. */
type JobOf = { tenant: string; jobId: string };

/** Where to begin, whether several events may come in one message, and whether it only looks on. */
type From = {
  afterSeq: number | 'snapshot';
  epoch?: string | undefined;
  isTogether?: boolean | undefined;
  watches?: boolean | undefined;
};

/** Leaves the place of an attachment; idempotent. */
type Place = () => void;

type Attaching = {
  attachment: Attachment;
  /** Of the snapshot with which it begins. */
  snapshotSeq: number | undefined;
  begin: () => void;
};

/** About what a message of its own puts around an event, in bytes. */
const AROUND_EVENT_BYTES = 192;

export type Attachments = {
  /**
   * Attaches, in the place that was reserved for a job that has just been accepted, if one was; nothing is delivered before the returned `begin` is called. Errors:
   * `already_attached`, `too_many_attachments`, `quota_exceeded`, `job_not_found`, `epoch_mismatch`, `position_ahead`; what Redis throws.
   */
  add(job: JobOf, from: From, reserved?: Place): Promise<Attaching>;
  /** Stops listening, also while attaching is under way; false when it did not listen. */
  remove(jobId: string): boolean;
  /** Reserves a place for a job that there will be. Errors: `too_many_attachments`, `quota_exceeded`, as `add` would be refused; what Redis throws. */
  reserve(): Promise<Place>;
  all(): Iterable<Attachment>;
  resume(): void;
  /** Idempotent. */
  close(): void;
};

export function createAttachments(
  parts: {
    /** The way in by which it listens. */
    door: string;
    readLog: ReadLog;
    feed: JobFeed;
    abandonWatch: Pick<AbandonWatch, 'came' | 'left' | 'suspect'>;
    /** Lets an attachment that could not read its log read on soon. */
    readSoon: (attachment: Pick<Attachment, 'resume'>) => void;
    outlines: Outlines;
    /** Counts one more of whose session it is. Errors: `quota_exceeded`; what Redis throws. */
    takePlace: () => Promise<Place>;
    /** Resumed and closed with the attachments. */
    reads: ReadTurns;
    listenerNotes: Pick<ListenerNotes, 'begin'>;
    deliveryLag: DeliveryLag;
    logger: Logger;
  },
  sink: EventSink,
): Attachments {
  const { door, readLog, feed, abandonWatch, readSoon, outlines, reads, listenerNotes } = parts;
  const { deliveryLag, logger } = parts;
  const places = new Map<string, Place>();
  /** One for each place, from when it is asked for until it is left. */
  const counted = new Set<symbol>();
  const byJob = new Map<string, { attachment: Attachment; note: EndNote }>();
  // Attaching takes a moment: a second request for the same job meanwhile is refused as well. True: detached since.
  const pending = new Map<string, boolean>();
  const pagedLog = (headBytes: number): Pick<ReadLog, 'range'> => ({
    range: (whose, jobId, stretch) =>
      reads.take(() => {
        const maxBytes = Math.min(stretch.maxBytes, sink.pageBytes());
        return readLog.range(whose, jobId, { ...stretch, maxBytes, headBytes });
      }),
  });
  const onFailed = createRepeatedWarning(logger, 'reading a log failed; it is tried again');
  let closed = false;

  function listenerFor({ tenant, jobId }: JobOf, isTogether: boolean): Listener {
    const end = (state: 'ended' | 'lost') => {
      const found = byJob.get(jobId);
      if (!found) return;
      byJob.delete(jobId);
      vacate(jobId);
      found.note(state, found.attachment.position());
      abandonWatch.left({ tenant, jobId }, 'ended');
    };
    const measure = deliveryLag.begin();
    return {
      deliver(batch) {
        sink.events(batch, isTogether);
        measure(batch);
      },
      hasRoom: sink.hasRoom,
      ended: () => end('ended'),
      lost(lastSeq, reason) {
        end('lost');
        sink.lost(jobId, lastSeq, reason);
      },
      failed(error) {
        onFailed(error);
        const found = byJob.get(jobId);
        if (found && isCurable(error)) readSoon(found.attachment);
      },
    };
  }

  async function add(job: JobOf, from: From, reserved?: Place): Promise<Attaching> {
    const { jobId } = job;
    if (byJob.has(jobId) || pending.has(jobId)) {
      reserved?.();
      throw new ProtocolError('already_attached');
    }
    pending.set(jobId, false);
    const { afterSeq, ...others } = from;
    try {
      if (reserved && afterSeq !== 'snapshot') {
        // The job was accepted a moment ago: nothing need be asked before.
        places.set(jobId, reserved);
        return { ...(await attachTo(job, { ...others, afterSeq })), snapshotSeq: undefined };
      }
      // In one round trip.
      const [taking, looking] = [reserved ?? reserve(), positionOf(job)];
      looking.catch(() => {
        // Refused without a place, nobody asks for it.
      });
      places.set(jobId, await taking);
      const position = await looking;
      if (!position) throw new ProtocolError('job_not_found');
      if (afterSeq !== 'snapshot')
        return { ...(await attachTo(job, { ...others, afterSeq })), snapshotSeq: undefined };
      const { status, lastSeq } = position;
      const epoch = from.epoch ?? position.epoch;
      // The terminal event is an event also to who comes late: so a listener knows that nothing follows.
      const snapshotSeq = isTerminal(status) ? lastSeq - 1 : lastSeq;
      const attached = await attachTo(job, { ...others, epoch, afterSeq: snapshotSeq });
      const of = { ...job, epoch, seq: snapshotSeq };
      return { ...attached, snapshotSeq, begin: () => void beginWithSnapshot(of, attached) };
    } catch (error) {
      vacate(jobId);
      throw error;
    } finally {
      pending.delete(jobId);
    }
  }

  function vacate(jobId: string): void {
    places.get(jobId)?.();
    places.delete(jobId);
  }

  /** The subscriber waits through an outage of Redis: asked first, this says at once that there is one. */
  async function positionOf({ tenant, jobId }: JobOf): Promise<Position | undefined> {
    try {
      return (await readLog.positions(tenant, [jobId])).get(jobId);
    } catch (error) {
      // Perhaps it was accepted a moment ago, and this was all who came to listen.
      abandonWatch.suspect({ tenant, jobId });
      throw error;
    }
  }

  async function beginWithSnapshot(
    of: SnapshotOf,
    { attachment, begin }: Pick<Attaching, 'attachment' | 'begin'>,
  ): Promise<void> {
    const isWanted = () => byJob.get(of.jobId)?.attachment === attachment;
    const { range } = pagedLog(0);
    const readPage: ReadLog['range'] = async (...stretch) => {
      for (;;) {
        try {
          return await range(...stretch);
        } catch (error) {
          if (!isCurable(error)) throw error;
          onFailed(error);
          await new Promise<void>((resume) => readSoon({ resume }));
        }
      }
    };
    try {
      for await (const page of readSnapshot(readPage, of, outlines)) {
        if (!isWanted()) return;
        sink.snapshot(page);
      }
      if (isWanted()) begin();
    } catch (error) {
      if (error instanceof ConnectionClosedError || !isWanted()) return;
      if (!(error instanceof LogLostError)) onFailed(error);
      leave(of.jobId);
      sink.lost(of.jobId, 0, error instanceof LogLostError ? error.message : 'the log is no log');
    }
  }

  async function attachTo(
    { tenant, jobId }: JobOf,
    { afterSeq, epoch, isTogether = false, watches = false }: From & { afterSeq: number },
  ) {
    abandonWatch.came(jobId);
    try {
      const job = { tenant, jobId, afterSeq, epoch };
      const log = pagedLog(isTogether ? 0 : AROUND_EVENT_BYTES);
      const outcome = await attach({ log, feed }, job, listenerFor({ tenant, jobId }, isTogether));
      if (outcome.code === 'missing') throw new ProtocolError('job_not_found');
      if (outcome.code === 'epoch_mismatch') throw new ProtocolError('epoch_mismatch');
      if (outcome.code === 'position_ahead') {
        throw new ProtocolError(
          'position_ahead',
          `The log ends at seq ${outcome.lastSeq}, before ${afterSeq}.`,
        );
      }
      byJob.set(jobId, {
        attachment: outcome.attachment,
        note: listenerNotes.begin({ tenant, jobId }, { door, afterSeq, ...(watches && { watches }) }),
      });
      // The connection went while we waited, or it detached.
      if (closed || pending.get(jobId)) leave(jobId);
      return { attachment: outcome.attachment, begin: outcome.begin };
    } catch (error) {
      abandonWatch.left({ tenant, jobId }, 'gone');
      throw error;
    }
  }

  function leave(jobId: string): void {
    const { attachment, note } = byJob.get(jobId)!;
    attachment.close();
    byJob.delete(jobId);
    vacate(jobId);
    note('left', attachment.position());
    abandonWatch.left({ tenant: attachment.tenant, jobId }, 'gone');
  }

  function remove(jobId: string): boolean {
    if (byJob.has(jobId)) leave(jobId);
    else if (pending.has(jobId)) pending.set(jobId, true);
    else return false;
    return true;
  }

  function reserve(): Promise<Place> {
    if (counted.size >= MAX_ATTACHMENTS) throw new ProtocolError('too_many_attachments');
    const one = Symbol();
    counted.add(one);
    return parts.takePlace().then(
      (leave) => () => {
        counted.delete(one);
        leave();
      },
      (error) => {
        counted.delete(one);
        throw error;
      },
    );
  }

  return {
    add,
    remove,
    reserve,
    all: () => byJob.values().map(({ attachment }) => attachment),
    resume() {
      reads.resume();
      for (const { attachment } of byJob.values()) attachment.resume();
    },
    close() {
      closed = true;
      reads.close();
      for (const jobId of [...byJob.keys()]) remove(jobId);
    },
  };
}
