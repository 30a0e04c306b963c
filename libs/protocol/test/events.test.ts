import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  carriesOutput,
  changesText,
  dialectNotificationSchemas,
  dialectStatusOf,
  type EventBody,
  type EventType,
  emptyFold,
  eventSchema,
  eventSchemas,
  foldEvents,
  type JobEvent,
  summaryOf,
  terminalTypes,
} from '../src/index.ts';

const types = Object.keys(eventSchemas) as EventType[];
const head = { jobId: `job_${'0'.repeat(32)}`, epoch: 'e', seq: 2, attempt: 1, time: 3 };

describe('the table of events', () => {
  it('says which carry output', () => {
    expect(types.filter((type) => carriesOutput({ type }))).toEqual([
      'output',
      'tool_started',
      'tool_ended',
      'message',
    ]);
  });

  it('says which end a job: those that have a summary', () => {
    expect(types.filter((type) => 'usage' in eventSchemas[type].shape)).toEqual(terminalTypes);
  });

  it('says for every ending a last status of the dialect', () => {
    for (const type of terminalTypes) {
      const status = dialectStatusOf(type);
      expect(dialectNotificationSchemas.statusUpdate.parse({ status })).toEqual({ status });
      expect(status).not.toBe('RUNNING');
    }
  });

  it('is what docs/job-states.md draws: every ending is reached, and left by no job', () => {
    const states = readFileSync(new URL('../../../docs/job-states.md', import.meta.url), 'utf8');
    const final = [...states.matchAll(/^ {2}(\w+) --> \[\*\]$/gm)].map(([, state]) => state);
    expect(final).toEqual(terminalTypes);
    for (const type of terminalTypes) expect(states).toMatch(new RegExp(` --> ${type}: `));
  });
});

describe('the text of a job', () => {
  it('changes by the events that say so, and by no other', () => {
    const before = foldEvents(emptyFold, [{ type: 'output', seq: 1, text: 'a' }]);
    for (const type of types) {
      // Of any event, what folding could look at.
      const event = { type, text: 'b', discardFromSeq: 1, ...head } as unknown as JobEvent;
      const { pieces } = foldEvents(before, [event]);
      const isSame = JSON.stringify(pieces) === JSON.stringify(before.pieces);
      expect(isSame, type).toBe(!changesText(event));
    }
  });
});

describe('the summary of an ending', () => {
  const summary = {
    usage: { input_tokens: 3 },
    costUsd: 0.1,
    durationMs: 7,
    turns: 2,
    conversation: 'c',
    digest: { bytes: 0, sha256: 'e3b0' },
    executionId: 'x',
  };

  it('is all that is known of it, and nothing else', () => {
    const ending = { type: 'timed_out', limit: 'idle', partial: true, ...summary } as const;
    expect(summaryOf(ending)).toEqual(summary);
    expect(Object.keys(summaryOf({ ...ending, usage: undefined }))).not.toContain('usage');
  });

  it.each(terminalTypes)('may stand in every one: %s', (type) => {
    expect(Object.keys(eventSchemas[type].shape)).toEqual(expect.arrayContaining(Object.keys(summary)));
  });
});

describe('the code of a failure', () => {
  it('is read whatever it is: a newer worker may have written it', () => {
    const error = { code: 'of_a_newer_worker', message: '', retrySafe: false };
    const event = { ...head, type: 'failed', error, partial: false };
    expect(eventSchema.parse(event)).toEqual(event);
  });

  it('is written only as the table has it', () => {
    const error = { message: '', retrySafe: false };
    const written: EventBody[] = [
      { type: 'failed', error: { code: 'worker_lost', ...error }, partial: false },
      // @ts-expect-error the compiler is the test
      { type: 'failed', error: { code: 'worker_los', ...error }, partial: false },
    ];
    expect(written).toHaveLength(2);
  });
});
