/**
 * The lines of an HTTP request's body, as they come: no more of it is held than one line, and those that are taken and not
 * done yet. A line that is too long, or no text, is given as an error, and the next one follows.
 */
import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { MAX_BATCH_BYTES, MAX_BATCH_LINES, MAX_FRAME_BYTES, ProtocolError } from '@cc-executor/protocol';
import { ConnectionClosedError } from '../../listening/read-turns.ts';
import { textOf, untilRoom } from './request-body.ts';

export type LinesWatch = {
  /** So many bytes more are held. */
  grew(bytes: number): void;
  /** And so many are let go; of a line it is called by who takes it. */
  letGo(bytes: number): void;
  /** Whether more may be read; if not, `onRoom` is called when it may. */
  mayRead(onRoom: () => void): boolean;
};

/** Numbers count all lines, from 1; those without anything but blanks are passed over. */
export type BodyLine = { line: number; bytes: number; text: string | ProtocolError };

export type BodyLines = {
  lines: AsyncIterable<BodyLine>;
  /** Of all that was read, at the end. */
  sha256(): string;
};

const LINE_FEED = 10;

/**
 * Errors, of the iteration: `request_too_large`, `unsupported_media_type`; `ConnectionClosedError` when the client went.
 */
export function readLines(request: IncomingMessage, watch: LinesWatch): BodyLines {
  const { 'content-type': type, 'content-length': length } = request.headers;
  if (type !== undefined && !/^application\/(?:x-ndjson|jsonl|x-jsonlines)\s*(?:;|$)/i.test(type.trim())) {
    throw new ProtocolError(
      'unsupported_media_type',
      'The body has to be lines of JSON: send `Content-Type: application/x-ndjson`.',
    );
  }
  if (Number(length ?? 0) > MAX_BATCH_BYTES) throw tooLarge(`${MAX_BATCH_BYTES} bytes`);
  const hash = createHash('sha256');
  return { lines: linesOf(piecesOf(request, watch, hash), watch), sha256: () => hash.digest('hex') };
}

async function* piecesOf(request: IncomingMessage, watch: LinesWatch, hash: Hash): AsyncGenerator<Buffer> {
  const pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  for (let bytes = 0; ; ) {
    const next = await pieces.next().catch(() => {
      throw new ConnectionClosedError();
    });
    if (next.done) return;
    bytes += next.value.length;
    if (bytes > MAX_BATCH_BYTES) throw tooLarge(`${MAX_BATCH_BYTES} bytes`);
    hash.update(next.value);
    watch.grew(next.value.length);
    yield next.value;
    await untilRoom(watch);
  }
}

async function* linesOf(pieces: AsyncIterable<Buffer>, watch: LinesWatch): AsyncGenerator<BodyLine> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let isTooLong = false;
  let line = 0;
  let count = 0;

  function add(part: Buffer): void {
    begun.push(part);
    begunBytes += part.length;
    if (begunBytes <= MAX_FRAME_BYTES) return;
    isTooLong = true;
    watch.letGo(begunBytes);
    begun = [];
    begunBytes = 0;
  }

  function take(): BodyLine | undefined {
    line += 1;
    const taken = {
      line,
      bytes: begunBytes,
      text: isTooLong ? lineTooLong() : lineText(Buffer.concat(begun)),
    };
    begun = [];
    begunBytes = 0;
    isTooLong = false;
    if (typeof taken.text === 'string' && taken.text.trim() === '') {
      watch.letGo(taken.bytes);
      return undefined;
    }
    count += 1;
    if (count > MAX_BATCH_LINES) throw tooLarge(`${MAX_BATCH_LINES} lines`);
    return taken;
  }

  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const end = piece.indexOf(LINE_FEED, from) + 1;
      add(piece.subarray(from, end || undefined));
      from = end || piece.length;
      const taken = end ? take() : undefined;
      if (taken) yield taken;
    }
  }
  const last = take();
  if (last) yield last;
}

function lineText(bytes: Buffer): string | ProtocolError {
  try {
    return textOf(bytes, 'line');
  } catch (error) {
    return error as ProtocolError;
  }
}

function lineTooLong(): ProtocolError {
  return new ProtocolError('request_too_large', `A line may have at most ${MAX_FRAME_BYTES} bytes.`);
}

function tooLarge(bound: string): ProtocolError {
  return new ProtocolError(
    'request_too_large',
    `A batch may have at most ${bound}: the lines up to there may have their jobs, and the others have none.`,
  );
}
