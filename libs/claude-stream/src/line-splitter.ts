/**
 * Splits a byte stream into lines at `\n` (a `\r` before it is dropped). Cuts may fall anywhere, also inside a
 * UTF-8 character, and what comes out does not depend on them: bytes are decoded only when their line is whole.
 * Parts of an unfinished line are kept in a list and joined once, so a line of many megabytes costs linear time. Who can do
 * with bytes is given long lines as these, where that costs less.
 */

const LF = 10;
const CR = 13;

const DEFAULT_MAX_LINE_BYTES = 16 * 1024 * 1024;

/** A line grew past the limit. The splitter is unusable afterwards: it throws the same error again. */
export class LineTooLongError extends Error {
  readonly code = 'line_too_long';
  readonly maxLineBytes: number;

  constructor(maxLineBytes: number) {
    super(`A line is longer than ${maxLineBytes} bytes`);
    this.name = 'LineTooLongError';
    this.maxLineBytes = maxLineBytes;
  }
}

export type LineSplitter<L = string> = {
  /**
   * Takes the next bytes and gives the lines that became whole. The bytes may be kept until their line is whole.
   * @throws LineTooLongError; lines before the long one are given first, and the error comes with the next call
   */
  push(chunk: Uint8Array): L[];
  /**
   * Says that no more bytes come and gives the last, unfinished line, if there is one.
   * @throws LineTooLongError
   */
  end(): L | undefined;
};

/** A line from this length on is given as bytes to those who want that. */
const LONG_BYTES = 2 * 1024;

/**
 * Makes a splitter.
 * @param options.maxLineBytes longest line, in bytes without its line end; default 16 MiB
 */
export function createLineSplitter(options: { maxLineBytes?: number } = {}): LineSplitter {
  return createSplitter(options, Number.POSITIVE_INFINITY) as LineSplitter;
}

/** The same, but a long line comes as bytes, unless it came together with short ones. */
export function createByteLineSplitter(
  options: { maxLineBytes?: number } = {},
): LineSplitter<string | Buffer> {
  return createSplitter(options, LONG_BYTES);
}

function createSplitter(
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES }: { maxLineBytes?: number },
  longBytes: number,
): LineSplitter<string | Buffer> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let failure: LineTooLongError | undefined;

  function take(buffer: Buffer, start: number, end: number): string | Buffer {
    if (parts.length > 0) {
      parts.push(buffer.subarray(start, end));
      const line = Buffer.concat(parts);
      parts = [];
      partBytes = 0;
      return read(line, 0, line.length);
    }
    return read(buffer, start, end);
  }

  function read(buffer: Buffer, start: number, end: number): string | Buffer {
    if (end - start < longBytes) return withoutReturn(buffer.toString('utf8', start, end));
    return buffer.subarray(start, buffer[end - 1] === CR ? end - 1 : end);
  }

  /** Whether the line that begins here is one that is to come as bytes. */
  function isLong(buffer: Buffer, start: number, lastEnd: number): boolean {
    return lastEnd - start >= longBytes && buffer.indexOf(LF, start) - start >= longBytes;
  }

  return {
    push(chunk) {
      if (failure !== undefined) throw failure;
      const lines: (string | Buffer)[] = [];
      const buffer = asBuffer(chunk);
      const lastEnd = buffer.lastIndexOf(LF);
      let start = 0;
      while (start < buffer.length) {
        // None of so few bytes is too long: one call for all costs less than one for each.
        const isWhole = parts.length === 0 && start <= lastEnd && lastEnd - start <= maxLineBytes;
        if (isWhole && !isLong(buffer, start, lastEnd)) {
          for (const line of buffer.toString('utf8', start, lastEnd).split('\n'))
            lines.push(withoutReturn(line));
          start = lastEnd + 1;
          continue;
        }
        const lineEnd = buffer.indexOf(LF, start);
        const end = lineEnd === -1 ? buffer.length : lineEnd;
        if (partBytes + end - start > maxLineBytes) {
          failure = new LineTooLongError(maxLineBytes);
          parts = [];
          if (lines.length === 0) throw failure;
          return lines;
        }
        if (lineEnd === -1) {
          parts.push(buffer.subarray(start));
          partBytes += buffer.length - start;
          break;
        }
        lines.push(take(buffer, start, lineEnd));
        start = lineEnd + 1;
      }
      return lines;
    },
    end() {
      if (failure !== undefined) throw failure;
      return parts.length === 0 ? undefined : take(Buffer.alloc(0), 0, 0);
    },
  };
}

function withoutReturn(line: string): string {
  return line.charCodeAt(line.length - 1) === CR ? line.slice(0, -1) : line;
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
