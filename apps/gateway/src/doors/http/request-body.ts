/** The body of an HTTP request: bounded, counted in the gateway's memory while it comes, and read on as there is room. */
import type { IncomingMessage } from 'node:http';
import { MAX_FRAME_BYTES, ProtocolError } from '@cc-executor/protocol';
import { ConnectionClosedError } from '../../listening/read-turns.ts';

/** So much is read without asking whether there is memory for more. */
const MAX_UNASKED_BYTES = 16 * 1024;

export type BodyWatch = {
  /** So many bytes more are held. */
  grew(bytes: number): void;
  /** Whether more may be read; if not, `onRoom` is called when it may. */
  mayRead(onRoom: () => void): boolean;
};

/**
 * Reads it as text. Errors: `request_too_large`, `unsupported_media_type`, `invalid_request`; `ConnectionClosedError` when
 * the client went.
 */
export async function readBody(request: IncomingMessage, watch: BodyWatch): Promise<string> {
  const { 'content-type': type, 'content-length': length } = request.headers;
  if (Number(length ?? 0) > MAX_FRAME_BYTES) throw tooLarge();
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > MAX_FRAME_BYTES) throw tooLarge();
      pieces.push(piece);
      watch.grew(piece.length);
      if (bytes > MAX_UNASKED_BYTES) await untilRoom(watch);
    }
  } catch (error) {
    throw error instanceof ProtocolError ? error : new ConnectionClosedError();
  }
  if (bytes > 0 && type !== undefined && !isJson(type)) {
    throw new ProtocolError(
      'unsupported_media_type',
      'The body has to be JSON: send `Content-Type: application/json` (curl: `--json`).',
    );
  }
  return textOf(Buffer.concat(pieces), 'body');
}

/** What was packed is not unpacked here: it would be taken for what it is not. Errors: `unsupported_media_type`. */
export function refuseEncoded({
  headers: { 'content-encoding': encoding = 'identity' },
}: IncomingMessage): void {
  if (encoding.trim().toLowerCase() === 'identity') return;
  throw new ProtocolError(
    'unsupported_media_type',
    'The body has to come as it is, without `Content-Encoding`.',
  );
}

/** Resolves when more may be read. */
export async function untilRoom({ mayRead }: Pick<BodyWatch, 'mayRead'>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (!mayRead(resolve)) await promise;
}

function isJson(type: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type.trim());
}

/** Errors: `invalid_request`. */
export function textOf(bytes: Buffer, what: 'body' | 'line'): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ProtocolError('invalid_request', `The ${what} is not UTF-8.`);
  }
}

function tooLarge(): ProtocolError {
  return new ProtocolError('request_too_large', `The body may have at most ${MAX_FRAME_BYTES} bytes.`);
}
