/**
 * One listener of one job: subscribe → replay from the log → merge → tail, until the terminal event.
 *
 * Invariants: events are delivered in order, each once, without a hole; a lost publication is found by the next
 * publication, by `checkPosition`, or by the position check after the subscriber reconnected; a listener that does
 * not keep up is not sent more (nothing is dropped: the log is read on when it has caught up).
 */
import { isTerminal } from '@cc-executor/protocol';
import { RedisFaultError } from '@cc-executor/redis';
import { type Cursor, createCursor, hasGap, learnSeq, offerBatch } from './cursor.ts';
import type { JobFeed, Page, Position, Publication, ReadLog } from './job-log.ts';
import { cutBefore, type StoredBatch } from './stored-batch.ts';

export type Listener = {
  /** Takes the next events. All listeners of a job that stand at the same place get the same batch. */
  deliver(batch: StoredBatch): void;
  /** False while the listener's buffer is full; `resume()` is called when it has drained. */
  hasRoom(): boolean;
  /** The terminal event was delivered: nothing follows. */
  ended(): void;
  /** The log is gone or another one; `lastSeq` is what was delivered. */
  lost(lastSeq: number, reason: string): void;
  /** Reading failed; it is tried again with `resume()`, the next publication or the next position check. */
  failed(error: unknown): void;
};

export type Attachment = {
  /** Whose the job is. */
  readonly tenant: string;
  readonly jobId: string;
  /** What the log looked like when the attachment began. */
  readonly start: Position;
  /** Last delivered seq. */
  position(): number;
  /** Compares with the true position; reads on when something was missed, and says whether that was so. */
  checkPosition(position: Position | undefined): boolean;
  /** The listener has room again, or the log that could not be read perhaps can be. */
  resume(): void;
  /** Idempotent. */
  close(): void;
};

export type AttachOutcome =
  | { code: 'attached'; attachment: Attachment; begin: () => void }
  | { code: 'missing' }
  | { code: 'epoch_mismatch'; epoch: string }
  | { code: 'position_ahead'; lastSeq: number };

const PAGE = { maxEvents: 8_192, maxBytes: 512 * 1024 };

/**
 * Attaches a listener after `afterSeq`. Nothing is delivered before `begin()` is called, so that the caller can
 * answer its client first. Rejects when Redis does.
 */
export async function attach(
  { log, feed }: { log: Pick<ReadLog, 'range'>; feed: Pick<JobFeed, 'subscribe'> },
  job: { tenant: string; jobId: string; afterSeq: number; epoch?: string | undefined },
  listener: Listener,
): Promise<AttachOutcome> {
  const { tenant, jobId, afterSeq, epoch } = job;
  let cursor: Cursor = createCursor(afterSeq);
  let state: 'waiting' | 'reading' | 'live' | 'closed' = 'waiting';
  /** What the log holds is unknown: the last read failed. */
  let isUnread = false;
  let finalSeq = Number.POSITIVE_INFINITY;
  let logEpoch: string | undefined;
  let firstPage: Page | undefined;
  const early: Position[] = [];

  const unsubscribe = await feed.subscribe(jobId, onPublication);
  try {
    firstPage = await log.range(tenant, jobId, { ...PAGE, afterSeq });
  } catch (error) {
    unsubscribe();
    throw error;
  }
  const refusal = refuse(firstPage, epoch, afterSeq);
  if (refusal || !firstPage) {
    unsubscribe();
    return refusal ?? { code: 'missing' };
  }
  logEpoch = firstPage.epoch;
  const start: Position = { epoch: firstPage.epoch, lastSeq: firstPage.lastSeq, status: firstPage.status };
  for (const position of [start, ...early]) learn(position);

  function onPublication(publication: Publication): void {
    if (logEpoch === undefined) {
      early.push(publication);
      return;
    }
    if (state === 'closed' || publication.epoch !== logEpoch) return;
    learn(publication);
    // Otherwise the log is read anyway: knowing that there is more is enough.
    if (state !== 'live' || !listener.hasRoom()) return;
    if (publication.batch) take(publication.batch);
    if (isBehind()) void read();
  }

  /** Remembers what the log holds: all of it is delivered, now or when the listener has room. */
  function learn(position: Position): void {
    if (position.epoch !== logEpoch) return;
    if (isTerminal(position.status)) {
      // Whoever is handed the terminal event has learned of it before, or attached behind it: Redis lost what was handed over, and
      // the job ended with fewer events.
      const isAnother = finalSeq === Number.POSITIVE_INFINITY && position.lastSeq <= cursor.position;
      finalSeq = position.lastSeq;
      if (isAnother && state !== 'waiting') lose('the log lost events');
    }
    cursor = learnSeq(cursor, position.lastSeq);
  }

  /** There are events to deliver, or the end is to be told. */
  function isBehind(): boolean {
    return hasGap(cursor) || cursor.position >= finalSeq;
  }

  function take(batch: StoredBatch): void {
    const offered = offerBatch(cursor, batch.firstSeq, batch.lastSeq);
    cursor = offered.cursor;
    if (offered.from !== undefined) listener.deliver(cutBefore(batch, offered.from));
    endWhenDone();
  }

  function endWhenDone(): void {
    // The listener may have closed while it took the last event.
    if (cursor.position < finalSeq || state === 'closed') return;
    close();
    listener.ended();
  }

  /** Reads the log until nothing more is known, or the listener has no room. One run at a time. */
  async function read(page?: Page): Promise<void> {
    if (state === 'reading' || state === 'closed') return;
    state = 'reading';
    let next = page;
    while (isReading() && listener.hasRoom()) {
      // What is published from now on need not be in the page, what was known before must be.
      const atLeast = next ? next.lastSeq : cursor.known;
      try {
        next ??= await log.range(tenant, jobId, { ...PAGE, afterSeq: cursor.position });
      } catch (error) {
        if (!isReading()) return;
        if (error instanceof RedisFaultError && error.word === 'WRONGTYPE') return lose('the log is no log');
        state = 'live';
        isUnread = true;
        listener.failed(error);
        return;
      }
      isUnread = false;
      if (!isReading()) return;
      if (!takePage(next, atLeast)) return;
      if (!isBehind()) break;
      next = undefined;
    }
    if (isReading()) state = 'live';
  }

  /** False when the attachment is over. */
  function takePage(page: Page | undefined, atLeast: number): boolean {
    if (!page || page.epoch !== logEpoch) {
      lose(page ? 'the log was lost and made anew' : 'the record is gone');
      return false;
    }
    const hole = page.batches[0]?.firstSeq !== cursor.position + 1 && page.lastSeq > cursor.position;
    if (page.lastSeq < atLeast || hole) {
      lose('the log lost events');
      return false;
    }
    learn(page);
    for (const batch of page.batches) if (isReading()) take(batch);
    if (isReading()) endWhenDone();
    return isReading();
  }

  // A function, because the checker believes that nothing changes `state` across an await.
  function isReading(): boolean {
    return state === 'reading';
  }

  function lose(reason: string): void {
    const lastSeq = cursor.position;
    close();
    listener.lost(lastSeq, reason);
  }

  function close(): void {
    if (state === 'closed') return;
    state = 'closed';
    unsubscribe();
  }

  const attachment: Attachment = {
    tenant,
    jobId,
    start,
    position: () => cursor.position,
    checkPosition(position) {
      if (state !== 'live') return false;
      // Positions come on another connection than publications. One that lags behind them, or is missing because it
      // was asked for before we attached, proves nothing: the log decides.
      const doubtful = !position || position.epoch !== logEpoch || position.lastSeq < cursor.position;
      if (position) learn(position);
      const behind = isBehind();
      if (doubtful || behind) void read();
      return behind;
    },
    resume() {
      if (state === 'live' && (isUnread || isBehind())) void read();
    },
    close,
  };
  function begin(): void {
    const page = firstPage;
    // The attachment lives on, and what was delivered need not.
    firstPage = undefined;
    void read(page);
  }

  return { code: 'attached', attachment, begin };
}

function refuse(
  page: Page | undefined,
  epoch: string | undefined,
  afterSeq: number,
): AttachOutcome | undefined {
  if (!page) return { code: 'missing' };
  if (epoch !== undefined && epoch !== page.epoch) return { code: 'epoch_mismatch', epoch: page.epoch };
  if (afterSeq > page.lastSeq) return { code: 'position_ahead', lastSeq: page.lastSeq };
  return undefined;
}
