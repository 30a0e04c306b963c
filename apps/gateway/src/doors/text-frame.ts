/**
 * A WebSocket text frame from a server, as bytes (RFC 6455, 5.2: whole, not masked, not compressed): so one is made once for
 * all connections that it goes to, and written in one piece.
 */

const WHOLE_TEXT = 0x81;
/** Lengths up to 125 stand in the second byte, longer ones behind it, in so many bytes. */
const IN_TWO_BYTES = 126;
const IN_EIGHT_BYTES = 127;

export const MAX_HEADER_BYTES = 10;

/** Writes the header of a frame whose payload has `length` bytes; returns where the payload begins. */
export function writeHeader(out: Buffer, at: number, length: number): number {
  out[at] = WHOLE_TEXT;
  if (length < IN_TWO_BYTES) {
    out[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) {
    out[at + 1] = IN_TWO_BYTES;
    return out.writeUInt16BE(length, at + 2);
  }
  out[at + 1] = IN_EIGHT_BYTES;
  return out.writeUIntBE(length, out.writeUInt16BE(0, at + 2), 6);
}

export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const out = Buffer.allocUnsafe(length + MAX_HEADER_BYTES);
  const start = writeHeader(out, 0, length);
  out.write(text, start);
  return out.subarray(0, start + length);
}
