import type { JobEvent } from '@cc-executor/client';
import { expect, it } from 'vitest';
import { createJobFold } from '../src/job-fold.ts';

function foldOf(...bodies: object[]) {
  const fold = createJobFold();
  bodies.forEach((body, i) => {
    fold.take({ jobId: 'job', epoch: 'epoch', attempt: 1, time: 0, seq: i + 1, ...body } as JobEvent);
  });
  return fold;
}

const output = (text: string) => ({ type: 'output', text });
const tool = (toolUseId: string) => ({
  type: 'tool_started',
  toolUseId,
  name: 'Bash',
  input: { command: 'ls' },
});

it('takes text and tools back that a reset voids, and keeps what came before', () => {
  const fold = foldOf(
    { type: 'queued' },
    output('kept '),
    tool('a'),
    output('void'),
    tool('b'),
    { type: 'reset', discardFromSeq: 4, reason: 'worker_lost', attemptsLeft: 1 },
    output('anew'),
  );
  expect(fold.view()).toMatchObject({ text: 'kept anew', tools: [{ toolUseId: 'a' }] });
  fold.take({ type: 'reset', seq: 8, discardFromSeq: 1, reason: 'worker_lost' } as JobEvent);
  expect(fold.view()).toMatchObject({ text: '', tools: [] });
});

it('follows tools to their end, pauses, and the job to its own', () => {
  const fold = foldOf({ type: 'started' }, tool('a'), { type: 'paused', limitMs: 1 });
  const before = fold.view();
  expect(before).toMatchObject({ status: 'running', isPaused: true, tools: [{ name: 'Bash' }] });
  fold.take({
    type: 'tool_ended',
    seq: 4,
    toolUseId: 'a',
    isError: true,
    durationMs: 5,
    text: 'no',
  } as JobEvent);
  expect(fold.view().tools[0]?.ended).toEqual({ isError: true, durationMs: 5, text: 'no' });
  expect(before.tools[0]?.ended).toBeUndefined();
  const end = { type: 'cancelled', seq: 5, by: 'client', partial: true } as JobEvent;
  fold.take(end);
  expect(fold.view()).toMatchObject({ status: 'cancelled', isPaused: false, end });
});

it('gives the same tools while none changes, so that a page need not draw them again', () => {
  const fold = foldOf(tool('a'));
  const { tools } = fold.view();
  fold.take({ type: 'output', seq: 2, text: 'more' } as JobEvent);
  expect(fold.view().tools).toBe(tools);
});
