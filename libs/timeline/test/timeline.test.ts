import { createEpoch, createJobId, type EventBody, type JobEvent } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { createTimeline, MAX_TOOLS } from '../src/index.ts';

const head = { jobId: createJobId(), epoch: createEpoch() };

/** Events a second apart, in an attempt each. */
function timelineOf(...bodies: (EventBody & { attempt?: number })[]) {
  const timeline = createTimeline();
  bodies.forEach((body, index) => {
    timeline.take({ ...head, seq: index + 1, attempt: 1, time: 1_000 * (index + 1), ...body } as JobEvent);
  });
  return timeline;
}

const tool = (toolUseId: string) =>
  ({ type: 'tool_started', toolUseId, name: 'Bash', input: { command: 'npm test' } }) as const;

test('a story with a lost worker, a pause and a tool that failed', () => {
  const { moments } = timelineOf(
    { type: 'queued' },
    { type: 'started', model: 'opus', mcpServers: [{ name: 'db', status: 'failed' }] },
    { type: 'output', text: 'a' },
    { type: 'output', text: 'b' },
    { type: 'reset', discardFromSeq: 3, reason: 'its worker was lost' },
    { type: 'started', attempt: 2 },
    { type: 'output', text: 'c', attempt: 2 },
    { ...tool('t'), attempt: 2 },
    { type: 'paused', limitMs: 5_000, attempt: 2 },
    { type: 'resumed', pausedMs: 900, attempt: 2 },
    { type: 'tool_ended', toolUseId: 't', name: 'Bash', isError: true, text: 'exit 1', durationMs: 3_000 },
    { type: 'failed', error: { code: 'claude_auth', message: 'no', retrySafe: false }, partial: true },
  );
  expect(moments().map(({ at, kind, title }) => [at, kind, title])).toEqual([
    [1_000, 'queued', 'accepted'],
    [2_000, 'started', 'started'],
    [3_000, 'first_output', 'first output'],
    [5_000, 'reset', 'begun anew'],
    [6_000, 'started', 'started, attempt 2'],
    [7_000, 'first_output', 'first output'],
    [8_000, 'tool', 'Bash'],
    [9_000, 'paused', 'paused'],
    [12_000, 'ended', 'failed: claude_auth'],
  ]);
  expect(moments()[1]).toMatchObject({ detail: 'opus, MCP server db: failed', isBad: true });
  expect(moments()[6]).toMatchObject({ detail: 'exit 1', isBad: true, durationMs: 3_000 });
  expect(moments()[7]).toMatchObject({ durationMs: 900 });
});

test('what goes on has no duration', () => {
  const [, ongoing, paused] = timelineOf({ type: 'queued' }, tool('t'), {
    type: 'paused',
    limitMs: 1,
  }).moments();
  expect(ongoing).toMatchObject({ title: 'Bash', detail: 'npm test' });
  expect(ongoing).not.toHaveProperty('durationMs');
  expect(paused).not.toHaveProperty('durationMs');
});

test('of many uses of tools the first are told, and how many more there were', () => {
  const timeline = timelineOf(...Array.from({ length: MAX_TOOLS + 5 }, (_, i) => tool(`${i}`)));
  expect(timeline.moments()).toHaveLength(MAX_TOOLS);
  expect(timeline.moreTools()).toBe(5);
});
