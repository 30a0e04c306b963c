/** Lines of a body, wherever it is cut into pieces, and that all that is held for them is let go. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { MAX_BATCH_LINES, MAX_FRAME_BYTES, ProtocolError } from '@cc-executor/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from '../src/doors/http/body-lines.ts';

async function read(pieces: Iterable<Buffer>, headers: Record<string, string> = {}) {
  let heldBytes = 0;
  const watch = {
    grew(bytes: number) {
      heldBytes += bytes;
    },
    letGo(bytes: number) {
      heldBytes -= bytes;
    },
    mayRead: () => true,
  };
  const request = Object.assign(Readable.from(pieces), { headers }) as unknown as IncomingMessage;
  const body = readLines(request, watch);
  const found: [line: number, text: string][] = [];
  for await (const { line, bytes, text } of body.lines) {
    found.push([line, text instanceof ProtocolError ? text.code : text.replace('\n', '')]);
    watch.letGo(bytes);
  }
  return { found, heldBytes, sha256: body.sha256() };
}

describe('the lines of a body', () => {
  it('are the same however it comes in pieces, numbered as in the body, those of blanks alone left out', async () => {
    const lines = fc.array(fc.oneof(fc.stringMatching(/^[^\n]*$/), fc.constantFrom('', ' ', '\r')));
    await fc.assert(
      fc.asyncProperty(lines, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), async (texts, sizes) => {
        const body = Buffer.from(texts.join('\n'));
        const pieces: Buffer[] = [];
        for (let at = 0; at < body.length; ) {
          const size = sizes.next().value ?? 1;
          pieces.push(body.subarray(at, at + size));
          at += size;
        }
        const { found, heldBytes, sha256 } = await read(pieces);
        const expected = body
          .toString()
          .split('\n')
          .flatMap((text, i) => (text.trim() === '' ? [] : [[i + 1, text]]));
        expect(found).toEqual(expected);
        expect(heldBytes).toBe(0);
        expect(sha256).toBe((await read([body])).sha256);
      }),
      { numRuns: 50 },
    );
  });

  it('harm no other where one is too long or no text', async () => {
    const long = Buffer.alloc(MAX_FRAME_BYTES + 1, 'x');
    const pieces = [Buffer.from('a\n'), long, long, Buffer.from('\n"\xff"\nb', 'latin1')];
    const { found, heldBytes } = await read(pieces);
    expect(found).toEqual([
      ...[
        [1, 'a'],
        [2, 'request_too_large'],
      ],
      ...[
        [3, 'invalid_request'],
        [4, 'b'],
      ],
    ]);
    expect(heldBytes).toBe(0);
  });

  it('are refused as a whole beyond the bounds of a batch, and as another type', async () => {
    const many = [Buffer.from('x\n'.repeat(MAX_BATCH_LINES + 1))];
    await expect(read(many)).rejects.toMatchObject({ code: 'request_too_large' });
    await expect(read([], { 'content-length': '1e12' })).rejects.toMatchObject({ code: 'request_too_large' });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await expect(read([], form)).rejects.toMatchObject({ code: 'unsupported_media_type' });
  });
});
