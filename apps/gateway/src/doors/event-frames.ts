/** Frames of events, made once for all who listen to a job on this gateway. */
import type { StoredBatch } from '@cc-executor/job-log';
import { headAround, MAX_SENT_FRAME_BYTES, notificationStart } from '@cc-executor/protocol';
import { type Batch, createBatch, PIECE_BYTES, type Piece } from './batch.ts';
import { oncePerBatch } from './once-per-batch.ts';
import { MAX_HEADER_BYTES, writeHeader } from './text-frame.ts';

/** Gives the frames of these events: one for each, or one `events` for as many of them as it has room for. */
export type EventFrames = (batch: StoredBatch, isTogether: boolean) => Batch;

/** Of frames so much is handed over at once: whoever reads fast waits for each piece to be asked for the next. */
const FRAMES_BYTES = 2 * PIECE_BYTES;
/** Longer bodies are sent from where they lie: to write one buffer more costs less than to copy them, and leaves less to collect. */
const LONG_BODY_BYTES = 4 * 1024;
const LINE_FEED = 10;
const COMMA = 44;
const ZERO = 48;
const NINE = 57;
const CLOSING_BRACE = 125;

export function createEventFrames(): EventFrames {
  const single = oncePerBatch(framesOfEach);
  const together = oncePerBatch(framesTogether);
  return (batch, isTogether) => (isTogether ? together(batch) : single(batch));
}

/** An `event` notification for each: its head, then its body without the brace that opens it. */
function framesOfEach(batch: StoredBatch): Batch {
  const { firstSeq, lastSeq, bodies } = batch;
  return bodies.length < LONG_BODY_BYTES * (lastSeq - firstSeq + 1) ? copied(batch) : pointedTo(batch);
}

function copied(batch: StoredBatch): Batch {
  const { firstSeq, lastSeq, bodies } = batch;
  const head = createHead(batch);
  const aroundBytes = head.length(lastSeq) + MAX_HEADER_BYTES;
  const out = Buffer.allocUnsafe(bodies.length + (lastSeq - firstSeq + 1) * aroundBytes);
  const pieces: Buffer[] = [];
  let pieceAt = 0;
  let at = 0;
  for (let seq = firstSeq, from = 0; seq <= lastSeq; seq += 1) {
    const end = lineEnd(bodies, from);
    const bytes = head.of(seq);
    at = writeHeader(out, at, bytes.length + end - from);
    out.set(bytes, at);
    at += bytes.length;
    at += bodies.copy(out, at, from + 1, end);
    out[at] = CLOSING_BRACE;
    at += 1;
    from = end + 1;
    if (at - pieceAt < FRAMES_BYTES && seq < lastSeq) continue;
    pieces.push(out.subarray(pieceAt, at));
    pieceAt = at;
  }
  return createBatch(pieces);
}

/** The same with the bodies where they lie; between two of them stands the brace that closes the one and the head of the other. */
function pointedTo(batch: StoredBatch): Batch {
  const { firstSeq, lastSeq, bodies } = batch;
  const head = createHead(batch);
  const aroundBytes = head.length(lastSeq) + MAX_HEADER_BYTES + 1;
  const out = Buffer.allocUnsafe((lastSeq - firstSeq + 1) * aroundBytes);
  const pieces: Piece[] = [];
  let piece: Buffer[] = [];
  let pieceLength = 0;
  let [outFrom, at] = [0, 0];
  const add = (buffer: Buffer) => {
    piece.push(buffer);
    pieceLength += buffer.length;
  };
  for (let seq = firstSeq, from = 0; seq <= lastSeq; seq += 1) {
    const end = lineEnd(bodies, from);
    const bytes = head.of(seq);
    at = writeHeader(out, at, bytes.length + end - from);
    out.set(bytes, at);
    at += bytes.length;
    add(out.subarray(outFrom, at));
    add(bodies.subarray(from + 1, end));
    outFrom = at;
    out[at] = CLOSING_BRACE;
    at += 1;
    from = end + 1;
    if (pieceLength < FRAMES_BYTES && seq < lastSeq) continue;
    add(out.subarray(outFrom, at));
    outFrom = at;
    pieces.push(piece);
    piece = [];
    pieceLength = 0;
  }
  return createBatch(pieces);
}

/** The heads of a batch's events as bytes, each made of the one before: most differ in one digit. */
function createHead(batch: StoredBatch) {
  const { before, after } = headAround(batch);
  const start = `${notificationStart('event')}${before}`;
  let bytes = Buffer.alloc(0);
  let digitsEnd = 0;
  let made = Number.NaN;
  return {
    length: (seq: number) => start.length + `${seq}${after}`.length,
    of(seq: number): Buffer {
      let at = digitsEnd - 1;
      if (seq === made + 1) {
        for (; bytes[at] === NINE; at -= 1) bytes[at] = ZERO;
        // What stands before the digits is no digit.
        if (at >= start.length) bytes[at] = bytes[at]! + 1;
      }
      if (seq !== made + 1 || at < start.length) {
        bytes = Buffer.from(`${start}${seq}${after}`, 'latin1');
        digitsEnd = start.length + `${seq}`.length;
      }
      made = seq;
      return bytes;
    },
  };
}

/** `events` notifications, with the bodies as they are: the line feeds between them become commas. */
function framesTogether(batch: StoredBatch): Batch {
  const { jobId, epoch, attempt, time, lastSeq, bodies } = batch;
  const pieces: Buffer[] = [];
  for (let seq = batch.firstSeq, from = 0; seq <= lastSeq; ) {
    const head = `${notificationStart('events')}{"jobId":"${jobId}","epoch":"${epoch}","attempt":${attempt},"time":${time},"firstSeq":${seq},"events":[`;
    const end = endOfFrame(bodies, from, MAX_SENT_FRAME_BYTES - head.length - MAX_HEADER_BYTES - 3);
    const length = head.length + end - from + 3;
    const piece = Buffer.allocUnsafe(length + MAX_HEADER_BYTES);
    const start = writeHeader(piece, 0, length);
    let at = start + piece.write(head, start, 'latin1');
    const copied = piece.subarray(at, at + end - from);
    at += bodies.copy(piece, at, from, end);
    seq += 1;
    for (let feed = copied.indexOf(LINE_FEED); feed !== -1; feed = copied.indexOf(LINE_FEED, feed + 1)) {
      copied[feed] = COMMA;
      seq += 1;
    }
    at += piece.write(']}}', at, 'latin1');
    pieces.push(piece.subarray(0, at));
    from = end + 1;
  }
  return createBatch(pieces);
}

/** Where as many bodies end as have room in so many bytes: one at least. */
function endOfFrame(bodies: Buffer, from: number, room: number): number {
  if (bodies.length - from <= room) return bodies.length;
  const end = bodies.lastIndexOf(LINE_FEED, from + room);
  return end > from ? end : lineEnd(bodies, from);
}

function lineEnd(bodies: Buffer, from: number): number {
  const end = bodies.indexOf(LINE_FEED, from);
  return end === -1 ? bodies.length : end;
}
