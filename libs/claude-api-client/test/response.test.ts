/** The same property as cuts.test.ts, without sockets and therefore at every single byte. */
import { recordingScript, scriptBody } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import { createUpstreamResponse } from '../src/response.ts';
import type { UpstreamEvent } from '../src/upstream-events.ts';
import { foldBlocks } from './running.ts';

describe('a response that ends after any byte', () => {
  const { steps } = recordingScript('ok');
  const body = scriptBody(steps);
  const resultEnd = scriptBody(steps.slice(0, -1)).length;

  it.each(['end', 'cut'] as const)('(%s) is completed if and only if the evidence had arrived', (how) => {
    // Without its line end a line counts only when the response ends in good order.
    const slack = how === 'end' ? 1 : 0;
    for (let offset = 0; offset <= body.length; offset += 1) {
      const response = createUpstreamResponse({});
      const events: UpstreamEvent[] = [];
      response.start(200, { 'transfer-encoding': 'chunked' });
      const early = response.read(body.subarray(0, offset), events);
      const outcome = early ?? (how === 'end' ? response.end(events) : response.fail(new Error('cut')));
      const hasEvidence = offset + slack >= resultEnd;
      expect({ offset, status: outcome.status }).toEqual({
        offset,
        status: hasEvidence ? 'completed' : 'failed',
      });
      const text = foldBlocks(events).join('');
      expect('You said: Tell me a thing'.startsWith(text)).toBe(true);
    }
  });

  it('is a refusal, whatever its body, when the status says so', () => {
    const response = createUpstreamResponse({});
    response.start(503, {});
    expect(response.kind).toBe('refusal');
    expect(response.settle()).toMatchObject({ status: 'failed', code: 'upstream_busy' });
  });
});
