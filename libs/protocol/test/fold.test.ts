import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventBody, emptyFold, foldEvents, foldedAnswer, foldedText } from '../src/index.ts';

type Numbered = EventBody & { seq: number };

/** A log of outputs, resets back to any earlier seq, and events that carry no text. */
const logs: fc.Arbitrary<Numbered[]> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ text: fc.string(), begin: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ back: fc.nat() }) },
      { weight: 1, arbitrary: fc.constant('started' as const) },
      { weight: 2, arbitrary: fc.record({ tool: fc.constantFrom('a', 'b', 'c'), ends: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constantFrom('paused' as const, 'resumed' as const, 'throttled' as const) },
    ),
    { maxLength: 60 },
  )
  .map((steps) =>
    steps.map((step, i): Numbered => {
      const seq = i + 1;
      if (step === 'started') return { type: 'started', seq, engine: 'claude' };
      if (step === 'paused') return { type: 'paused', seq, limitMs: 1_000 };
      if (step === 'resumed') return { type: 'resumed', seq, pausedMs: 1 };
      if (step === 'throttled') return { type: 'throttled', seq, untilMs: i, reason: 'x' };
      if ('tool' in step) {
        const tool = { seq, toolUseId: step.tool, name: 'Bash' };
        if (step.ends) return { type: 'tool_ended', ...tool, isError: false, durationMs: 1 };
        return { type: 'tool_started', ...tool, input: {} };
      }
      if ('back' in step) return { type: 'reset', seq, discardFromSeq: (step.back % seq) + 1, reason: 'x' };
      return { type: 'output', seq, text: step.text, ...(step.begin ? { begin: true as const } : {}) };
    }),
  );

describe('folding a log into its text', () => {
  it('gives the same at once, in a replay and a tail cut anywhere, and event by event', () => {
    fc.assert(
      fc.property(logs, fc.nat(), (log, cut) => {
        const at = cut % (log.length + 1);
        const whole = foldEvents(emptyFold, log);
        expect(foldEvents(foldEvents(emptyFold, log.slice(0, at)), log.slice(at))).toEqual(whole);
        expect(log.reduce((fold, event) => foldEvents(fold, [event]), emptyFold)).toEqual(whole);
      }),
    );
  });

  it('keeps exactly the outputs that no later reset made void', () => {
    fc.assert(
      fc.property(logs, (log) => {
        const kept = log.filter(
          (event) =>
            event.type === 'output' &&
            !log.some(
              (later) => later.type === 'reset' && later.seq > event.seq && event.seq >= later.discardFromSeq,
            ),
        );
        const text = kept.map((event) => (event.type === 'output' ? event.text : '')).join('');
        expect(foldedText(foldEvents(emptyFold, log))).toBe(text);
      }),
    );
  });

  it('answers with the last text block', () => {
    const fold = foldEvents(emptyFold, [
      { type: 'output', seq: 1, text: 'I will look. ', begin: true },
      { type: 'message', seq: 2, message: { type: 'assistant' } },
      { type: 'output', seq: 3, text: '16', begin: true },
      { type: 'output', seq: 4, text: '8' },
    ]);
    expect(foldedText(fold)).toBe('I will look. 168');
    expect(foldedAnswer(fold)).toBe('168');
    expect(foldedAnswer(emptyFold)).toBe('');
  });

  it('tells how things stand', () => {
    const tool = (seq: number, toolUseId: string) =>
      ({ type: 'tool_started', seq, toolUseId, name: 'Bash', input: {} }) as const;
    const running = foldEvents(emptyFold, [
      { type: 'queued', seq: 1 },
      { type: 'throttled', seq: 2, untilMs: 5, reason: 'busy' },
      { type: 'started', seq: 3, engine: 'claude', model: 'm' },
      tool(4, 'a'),
      tool(5, 'b'),
      { type: 'tool_ended', seq: 6, toolUseId: 'a', name: 'Bash', isError: false, durationMs: 1 },
      { type: 'paused', seq: 7, limitMs: 1_000 },
    ]);
    const b = { seq: 5, toolUseId: 'b', name: 'Bash' };
    const known = { status: 'running', engine: 'claude', model: 'm' };
    expect(running.state).toEqual({ ...known, paused: true, tools: [b] });
    const anew = { type: 'reset', seq: 8, discardFromSeq: 2, reason: 'x', attemptsLeft: 1 } as const;
    expect(foldEvents(running, [anew]).state).toEqual({ ...known, paused: false, tools: [] });
    const end = { type: 'cancelled', seq: 8, by: 'client', partial: false } as const;
    expect(foldEvents(running, [end]).state).toEqual({
      ...known,
      status: 'cancelled',
      paused: false,
      tools: [],
    });
  });

  it('does not change what it was given', () => {
    const before = foldEvents(emptyFold, [{ type: 'output', seq: 1, text: 'a' }]);
    foldEvents(before, [{ type: 'reset', seq: 2, discardFromSeq: 1, reason: 'x' }]);
    expect(foldedText(before)).toBe('a');
    expect(emptyFold.pieces).toEqual([]);
  });
});
