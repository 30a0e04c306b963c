import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import { eventSchemas, MAX_TERMINAL_TEXT_LENGTH } from '@cc-executor/protocol';
import { describe, expect, test } from 'vitest';
import { createStop, type StopReason } from '../src/stop-reason.ts';
import { incompleteEvent, terminalEventOf } from '../src/terminal-event.ts';
import { digest, failure } from './harness.ts';

const summary = {
  usage: { input_tokens: 3 },
  costUsd: 0.1,
  durationMs: 7,
  turns: 2,
  conversation: 'c',
  digest,
  executionId: 'x',
};
const completed: UpstreamOutcome = {
  status: 'completed',
  evidence: 'complete-line',
  text: 'Hello',
  ...summary,
};
const stops: StopReason[] = [
  { kind: 'cancel', by: 'disconnect' },
  { kind: 'deadline', limit: 'total' },
  { kind: 'drain' },
  { kind: 'lost', detail: 'fenced' },
];
const outcomes: UpstreamOutcome[] = [
  completed,
  { ...failure('upstream_cut'), ...summary },
  { status: 'timed_out', limit: 'idle', ...summary },
  { status: 'aborted', ...summary },
];

describe('without a stop', () => {
  test('a completed run is completed, with its evidence, its text and all that is known', () => {
    const event = terminalEventOf(completed, undefined, true);
    expect(event).toEqual({ type: 'completed', evidence: 'complete-line', text: 'Hello', ...summary });
  });

  test('a text above the limit is left out: the output events carry it', () => {
    const text = 'x'.repeat(MAX_TERMINAL_TEXT_LENGTH);
    expect(terminalEventOf({ ...completed, text }, undefined, true)).toMatchObject({ text });
    expect(terminalEventOf({ ...completed, text: `${text}x` }, undefined, true)).not.toHaveProperty('text');
  });

  test('so is an object, whatever the end; nothing is one, too', () => {
    const long = ['x'.repeat(MAX_TERMINAL_TEXT_LENGTH)];
    for (const outcome of outcomes) {
      const endWith = (structuredOutput: unknown) =>
        terminalEventOf({ ...outcome, structuredOutput }, undefined, true);
      expect(endWith(long)).not.toHaveProperty('structuredOutput');
      for (const output of [null, false, { city: 'Bern' }]) {
        expect(endWith(output)).toHaveProperty('structuredOutput', output);
      }
    }
  });

  test('a time-out names its limit', () => {
    expect(
      terminalEventOf({ status: 'timed_out', limit: 'firstOutput', turns: 1 }, undefined, false),
    ).toEqual({
      type: 'timed_out',
      limit: 'firstOutput',
      partial: false,
      turns: 1,
    });
  });

  test('a limit that was reached says when it is lifted', () => {
    const outcome = failure('claude_usage_limit', { resetsAt: 1795500000_000 });
    expect(terminalEventOf(outcome, undefined, false)).toMatchObject({
      error: { code: 'claude_usage_limit', resetsAt: 1795500000_000 },
    });
  });

  test.each([
    ['unsent', failure('upstream_unreachable', { sent: false }), false, true],
    ['refused before the model ran', failure('claude_auth', { began: false }), false, true],
    ['refused after output of an earlier call', failure('claude_auth', { began: false }), true, false],
    ['refused by upstream', failure('upstream_busy', { httpStatus: 503 }), false, true],
    ['refused for what was asked', failure('beyond_ceiling', { httpStatus: 403 }), false, true],
    ['refused, after an earlier try with output', failure('upstream_busy'), true, false],
    ['cut before any output', failure('upstream_cut'), false, false],
    ['cut after output', failure('upstream_cut'), true, false],
  ])('a failure is safe to retry only if nothing had begun: %s', (_name, outcome, hasOutput, retrySafe) => {
    expect(terminalEventOf(outcome, undefined, hasOutput)).toEqual({
      type: 'failed',
      error: { code: outcome.code, message: outcome.message, retrySafe },
      partial: hasOutput,
    });
  });

  test('an abort that nobody asked for is a fault of ours', () => {
    const event = terminalEventOf({ status: 'aborted' }, undefined, false);
    expect(event).toMatchObject({ type: 'failed', error: { code: 'internal' } });
  });
});

describe('with a stop', () => {
  test.each(stops)('a run that had completed before is completed all the same: $kind', (stop) => {
    expect(terminalEventOf(completed, stop, true).type).toBe('completed');
  });

  test.each(outcomes.slice(1))('the stop decides about what had not completed: $status', (outcome) => {
    const ending = { partial: true, ...summary };
    expect(stops.map((stop) => terminalEventOf(outcome, stop, true))).toEqual([
      { type: 'cancelled', by: 'disconnect', ...ending },
      { type: 'timed_out', limit: 'total', ...ending },
      { type: 'failed', error: expect.objectContaining({ code: 'worker_lost' }), ...ending },
      { type: 'failed', error: expect.objectContaining({ code: 'worker_lost' }), ...ending },
    ]);
  });
});

test('every terminal event there can be is one of the protocol’s', () => {
  const head = { jobId: `job_${'0'.repeat(32)}`, epoch: 'e', seq: 2, attempt: 1, time: 3 };
  for (const outcome of outcomes) {
    for (const stop of [undefined, ...stops]) {
      const event = terminalEventOf(outcome, stop, false);
      expect(eventSchemas[event.type].parse({ ...head, ...event })).toEqual({ ...head, ...event });
    }
  }
});

describe('a stop', () => {
  test('keeps its first reason and aborts once', () => {
    const stop = createStop();
    let aborts = 0;
    stop.signal.addEventListener('abort', () => {
      aborts += 1;
    });
    expect(stop.reason()).toBeUndefined();
    stop.request({ kind: 'deadline', limit: 'total' });
    stop.request({ kind: 'cancel', by: 'operator' });
    expect(stop.reason()).toEqual({ kind: 'deadline', limit: 'total' });
    expect(stop.cancelBy()).toBe('operator');
    expect(aborts).toBe(1);
  });

  test('of a lost job is that, whatever came before', () => {
    const stop = createStop();
    stop.request({ kind: 'drain' });
    stop.request({ kind: 'lost', detail: 'fenced' });
    stop.request({ kind: 'deadline', limit: 'total' });
    expect(stop.reason()).toEqual({ kind: 'lost', detail: 'fenced' });
    expect(stop.cancelBy()).toBeUndefined();
  });
});

describe('an ending whose last output could not be written', () => {
  const { digest: _, ...known } = summary;
  const head = { jobId: `job_${'0'.repeat(32)}`, epoch: 'e', seq: 2, attempt: 1, time: 3 };

  test.each(['full', 'fault'] as const)('claims no text that is not in the log (%s)', (dropped) => {
    for (const outcome of outcomes) {
      for (const stop of [undefined, ...stops]) {
        const event = incompleteEvent(terminalEventOf(outcome, stop, true), dropped, true);
        expect(event).not.toHaveProperty('digest');
        expect(event).toMatchObject({ partial: true, ...known });
        expect(event.type).not.toBe('completed');
        eventSchemas[event.type].parse({ ...head, ...event });
      }
    }
  });

  test('in a full Redis says so, whatever else is to be said', () => {
    const words = /Redis was full/;
    expect(incompleteEvent(terminalEventOf(completed, undefined, true), 'full', false)).toMatchObject({
      type: 'failed',
      error: { code: 'redis_full', message: expect.stringMatching(words), retrySafe: false },
      partial: false,
    });
    const cut = terminalEventOf(failure('upstream_cut'), undefined, true);
    expect(incompleteEvent(cut, 'full', true)).toMatchObject({
      error: { code: 'upstream_cut', message: expect.stringMatching(words) },
    });
  });

  test('after a cancel or at a limit stays what it is', () => {
    for (const stop of stops.slice(0, 2)) {
      const whole = terminalEventOf({ status: 'aborted' }, stop, true);
      expect(incompleteEvent(whole, 'full', true)).toEqual(whole);
    }
  });
});
