/**
 * A snapshot of a job: the fold of its events up to a seq, made of its log whenever it is asked for, a page at a time. Twice
 * through the log, so that no more than a page of it is held: first for what later resets made void, and how things stand;
 * then for the text. What the first look finds is small, and is kept for the next who asks.
 */
import type { ReadLog, StoredBatch } from '@cc-executor/job-log';
import { emptyFold, type Fold, foldEvents, type JobEvent, type Notification } from '@cc-executor/protocol';

export type SnapshotPage = Notification<'snapshot'>;

/** Of which job, and up to where. */
export type SnapshotOf = { tenant: string; jobId: string; epoch: string; seq: number };

/** Of the log up to `seq`: the ranges of seqs, begin and end within, whose output is void, and the state. */
type Outline = { epoch: string; seq: number; voids: readonly Void[]; state: Fold['state'] };
type Void = { from: number; to: number };

/** What was found of jobs that snapshots were made of. */
export type Outlines = Map<string, Outline>;

/** The log is not what the snapshot is of, or not whole. */
export class LogLostError extends Error {
  override readonly name = 'LogLostError';
}

const PAGE = { maxEvents: 8_192, maxBytes: 512 * 1024 };
/** A page holds no more, unless one piece alone is larger: it fits a frame as its event does, with the state beside it. */
const MAX_PIECES_BYTES = 128 * 1024;
const MAX_OUTLINES = 500;
/** Most of a log, which no fold looks at. Whoever writes an event puts its type first; otherwise it is parsed in vain. */
const PASSED_OVER = ['{"type":"message"', '{"type":"notice"'];

/**
 * Gives the pages; the last one has the state. Errors: `LogLostError`; those of `readPage`, which reads as `ReadLog.range`.
 */
export async function* readSnapshot(
  readPage: ReadLog['range'],
  of: SnapshotOf,
  outlines: Outlines,
): AsyncGenerator<SnapshotPage> {
  const { voids, state } = await outline(readPage, of, outlines);
  const { jobId, epoch, seq } = of;
  let pieces: SnapshotPage['pieces'] = [];
  let bytes = 0;
  for await (const events of eventsOf(readPage, of, 0)) {
    const kept = events.filter((event) => event.type === 'output' && !isVoid(voids, event.seq));
    for (const piece of foldEvents(emptyFold, kept).pieces) {
      const size = Buffer.byteLength(JSON.stringify(piece));
      if (bytes + size > MAX_PIECES_BYTES && pieces.length > 0) {
        yield { jobId, epoch, seq, pieces };
        pieces = [];
        bytes = 0;
      }
      pieces.push(piece);
      bytes += size;
    }
  }
  yield { jobId, epoch, seq, pieces, state: { ...state, tools: [...state.tools] } };
}

async function outline(readPage: ReadLog['range'], of: SnapshotOf, outlines: Outlines): Promise<Outline> {
  const { tenant, jobId, epoch, seq } = of;
  const key = `${tenant} ${jobId}`;
  const known = outlines.get(key);
  const isUsable = known?.epoch === epoch && known.seq <= seq;
  let found: Outline = isUsable ? known : { epoch, seq: 0, voids: [], state: emptyFold.state };
  for await (const events of eventsOf(readPage, of, found.seq)) {
    const { state } = foldEvents({ pieces: [], state: found.state }, events);
    found = { ...found, voids: events.reduce(voidedBy, found.voids), state };
  }
  found = { ...found, seq };
  outlines.delete(key);
  outlines.set(key, found);
  const [oldest] = outlines.keys();
  if (outlines.size > MAX_OUTLINES && oldest !== undefined) outlines.delete(oldest);
  return found;
}

/** A reset makes void what stands before it, from a seq on; ranges within are covered by it. */
function voidedBy(voids: readonly Void[], event: JobEvent): readonly Void[] {
  if (event.type !== 'reset') return voids;
  const from = event.discardFromSeq;
  return [...voids.filter((range) => range.from < from), { from, to: event.seq - 1 }];
}

function isVoid(voids: readonly Void[], seq: number): boolean {
  return voids.some(({ from, to }) => from <= seq && seq <= to);
}

/** What a fold looks at, a page of the log at a time, after a seq and up to that of the snapshot. */
async function* eventsOf(
  readPage: ReadLog['range'],
  { tenant, jobId, epoch, seq }: SnapshotOf,
  afterSeq: number,
): AsyncGenerator<JobEvent[]> {
  for (let at = afterSeq; at < seq; ) {
    const page = await readPage(tenant, jobId, { ...PAGE, afterSeq: at });
    if (!page) throw new LogLostError('the record is gone');
    if (page.epoch !== epoch) throw new LogLostError('the log was lost and made anew');
    const events: JobEvent[] = [];
    for (const batch of page.batches) {
      if (batch.firstSeq !== at + 1) throw new LogLostError('the log lost events');
      at = batch.lastSeq;
      events.push(...foldable(batch).filter((event) => event.seq <= seq));
    }
    if (page.batches.length === 0) throw new LogLostError('the log lost events');
    yield events;
  }
}

function foldable(batch: StoredBatch): JobEvent[] {
  const bodies = batch.bodies.toString().split('\n');
  return bodies.flatMap((body, i) => {
    if (PASSED_OVER.some((start) => body.startsWith(start))) return [];
    // No fold looks at the rest of its head.
    return [{ ...JSON.parse(body), seq: batch.firstSeq + i } as JobEvent];
  });
}
