/** Properties: whatever cuts the stream, and wherever, only evidence makes a success, and no text is made up. */
import { createHash } from 'node:crypto';
import { recordingScript, scriptBody, type UpstreamStep } from '@cc-executor/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UpstreamEvent } from '../src/index.ts';
import { run, startPair } from './running.ts';

const digestOf = (text: string) => ({
  bytes: Buffer.byteLength(text),
  sha256: createHash('sha256').update(text).digest('hex'),
});

/** Every offset near a line's end, where verdicts change, and every `stride`-th elsewhere. */
function offsetsOf(body: Buffer, stride: number): number[] {
  const isInteresting = (offset: number) =>
    offset % stride === 0 || [-2, -1, 0, 1].some((near) => body[offset + near] === 10);
  return Array.from({ length: body.length + 1 }, (_, offset) => offset).filter(isInteresting);
}

describe('a stream that is cut', () => {
  const text = 'You said: Tell me a thing';
  const { steps } = recordingScript('ok', { complete: { digest: digestOf(text).sha256 } });
  const body = scriptBody(steps);
  const resultEnd = scriptBody(steps.slice(0, -1)).length;
  /** Without their line ends, lines count only when the response ends in good order. */
  const evidenceAt = (offset: number, clean: boolean) => {
    const slack = clean ? 1 : 0;
    if (offset + slack >= body.length) return 'complete-line';
    return offset + slack >= resultEnd ? 'result-line' : undefined;
  };

  it.each<[string, UpstreamStep, boolean]>([
    ['by a FIN in good order', { end: true }, true],
    ['by a FIN without the last chunk', { fin: true }, false],
    ['by a RST', { reset: true }, false],
  ])(
    '%s at any byte is completed if and only if the evidence had arrived, and its text is a prefix',
    async (_how, cut, clean) => {
      const { upstream, client } = await startPair({}, { resultLingerMs: 200 });
      // The session line is long and all alike.
      const offsets = offsetsOf(body, 61);
      expect(offsets.length).toBeGreaterThan(100);
      for (const offset of offsets) {
        upstream.use({ steps: [{ raw: body.subarray(0, offset) }, cut] });
        const { outcome, blocks } = await run(client);
        const evidence = evidenceAt(offset, clean);
        const seen = { offset, status: outcome.status, evidence: undefined as string | undefined };
        if (outcome.status === 'completed') seen.evidence = outcome.evidence;
        expect(seen).toEqual({ offset, status: evidence === undefined ? 'failed' : 'completed', evidence });
        const joined = blocks.join('');
        expect(text.startsWith(joined)).toBe(true);
        if (evidence !== undefined) expect(joined).toBe(text);
        if ('digest' in outcome) expect(outcome.digest).toEqual(digestOf(joined));
      }
      expect(upstream.calls).toHaveLength(offsets.length);
    },
    60_000,
  );
});

describe('a stream in pieces', () => {
  it.each(['ok', 'tool', 'drop', 'interrupted', 'overloaded'])(
    'gives the same events and outcome however it is cut into chunks: %s',
    async (name) => {
      const body = scriptBody(recordingScript(name).steps);
      const { upstream, client } = await startPair({ steps: [{ raw: body }] });
      const whole = await run(client);
      const property = fc.asyncProperty(
        fc.array(fc.nat({ max: body.length }), { maxLength: 40 }),
        fc.constantFrom('chunked' as const, 'content-length' as const, 'close' as const),
        async (cuts, framing) => {
          const places = [0, ...cuts.sort((one, other) => one - other), body.length];
          const pieces = places.slice(1).map((place, index) => body.subarray(places[index], place));
          upstream.use({ framing, steps: pieces.map((raw) => ({ raw })) });
          const { events, outcome } = await run(client);
          expect(events).toEqual(whole.events);
          expect(outcome).toEqual(whole.outcome);
        },
      );
      await fc.assert(property, { numRuns: 15 });
    },
    60_000,
  );

  it('folds to the same text one byte at a time', async () => {
    const body = scriptBody(recordingScript('drop').steps).subarray(-3_000);
    const { client } = await startPair({ steps: [...body].map((byte) => ({ raw: Uint8Array.of(byte) })) });
    const texts: UpstreamEvent[] = [];
    const { outcome } = await run(client, {
      onEvent: (event) => {
        if (event.type === 'text') texts.push(event);
      },
    });
    expect(outcome.status).toBe('completed');
    expect(texts).toHaveLength(1);
  });
});
