import type { EventBody, JobEvent } from '@cc-executor/protocol';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { createRenderer } from '../src/render.ts';

const plain = pc.createColors(false);
const jobId = `job_${'0'.repeat(32)}`;

function event(seq: number, body: EventBody, attempt = 1): JobEvent {
  return { jobId, epoch: 'e', seq, attempt, time: 0, ...body };
}

function renderAll(bodies: EventBody[], firstSeq = 1) {
  const renderer = createRenderer(plain);
  return bodies.map((body, index) => renderer.render(event(firstSeq + index, body)));
}

describe('rendering events', () => {
  it('begins each text block on a line of its own, and no other piece', () => {
    const [first, second, third] = renderAll([
      { type: 'output', text: 'a', begin: true },
      { type: 'output', text: 'b' },
      { type: 'output', text: 'c', begin: true },
    ]);
    expect([first, second, third]).toEqual([
      { text: 'a', freshLine: true },
      { text: 'b', freshLine: false },
      { text: 'c', freshLine: true },
    ]);
  });

  it('warns of a reset when the text that it voids was printed, and begins anew on a new line', () => {
    const [, reset, next] = renderAll([
      { type: 'output', text: 'wrong' },
      { type: 'reset', discardFromSeq: 1, reason: 'cut' },
      { type: 'output', text: 'right' },
    ]);
    expect(reset?.warnings?.[0]).toContain('void (cut)');
    expect(next).toEqual({ text: 'right', freshLine: true });
  });

  it('notes a pause, its end, and that there can be none', () => {
    const [paused, resumed, refused] = renderAll([
      { type: 'paused', limitMs: 1_800_000 },
      { type: 'resumed', pausedMs: 61_000 },
      { type: 'pause_refused', request: 'pause', reason: 'it answered\n404' },
    ]);
    expect(paused).toEqual({
      notes: ['⏸ paused, for 30 min 0 s at most'],
      waiting: 'paused, for 30 min 0 s at most',
    });
    expect(resumed?.notes).toEqual(['▶ resumed after 1 min 1 s']);
    expect(refused?.notes).toEqual(['⚠ could not pause: it answered 404']);
  });

  it('says while it waits which tool runs, and at the end how many tokens it took', () => {
    const [begun, done, end] = renderAll([
      { type: 'tool_started', toolUseId: 't1', name: 'Bash', input: { command: 'npm test' } },
      { type: 'tool_ended', toolUseId: 't1', name: 'Bash', isError: false, durationMs: 5 },
      {
        type: 'completed',
        costUsd: 0.01,
        usage: { input_tokens: 200, output_tokens: 34, cache_read_input_tokens: 1_000 },
      } as never,
    ]);
    expect(begun?.waiting).toBe('⚒ Bash npm test');
    expect(done?.waiting).toBe('Claude is at work');
    expect(end?.notes).toEqual([`✔ completed  1.2k tokens · $0.0100 · ${jobId}`]);
  });

  it('names what was ended in the background with the job, as a line that steers nothing', () => {
    const backgroundTasks = [
      { id: 'b1', type: 'local_bash', description: 'Serves\u001b]0;owned\u0007\n\u202epages' },
      { id: 'b2' },
    ];
    const [ended] = renderAll([{ type: 'timed_out', limit: 'idle', partial: true, backgroundTasks }]);
    expect(ended?.notes?.slice(0, 2)).toEqual([
      '⚠ ended in the background: Serves ]0;owned pages',
      '⚠ ended in the background: b2',
    ]);
  });

  it('only notes a reset when nothing void was printed', () => {
    const [, reset] = renderAll([
      { type: 'output', text: 'kept' },
      { type: 'reset', discardFromSeq: 2, reason: 'a new attempt' },
    ]);
    expect(reset?.warnings).toBeUndefined();
    expect(reset?.notes?.[0]).toContain('a new attempt');
  });

  it('says loudly that the demo answers, even when only the answer is wanted', () => {
    const [started] = renderAll([{ type: 'started', engine: 'demo' }]);
    expect(started?.warnings?.[0]).toContain('no Claude runs here');
  });

  it('names model and attempt', () => {
    const { notes } = createRenderer(plain).render(event(2, { type: 'started', model: 'opus' }, 3));
    expect(notes).toEqual(['▶ started  opus, attempt 3']);
  });

  it('warns of MCP servers that cannot be reached', () => {
    const mcpServers = ['connected', 'pending', 'failed'].map((status) => ({ name: `is-${status}`, status }));
    const [started] = renderAll([{ type: 'started', mcpServers }]);
    expect(started?.notes).toEqual(['▶ started', '⚠ MCP server is-failed: failed']);
  });

  it('tells what Claude Code itself has to say, in one line, and no more of it', () => {
    const [error, note, limit] = renderAll([
      {
        type: 'notice',
        message: { type: 'assistant', message: { content: [{ type: 'text', text: 'API\nError' }] } },
      },
      { type: 'notice', message: { type: 'system', subtype: 'informational', content: 'once more' } },
      { type: 'notice', message: { type: 'rate_limit_event', rate_limit_info: { status: 'allowed' } } },
    ]);
    expect(error?.notes).toEqual(['⚠ API Error']);
    expect(note?.notes).toEqual(['⚠ once more']);
    expect(limit?.notes).toEqual([]);
  });

  it('names at the end the tools that were not allowed, before how it ended', () => {
    const permissionDenials = [
      { tool: 'Bash', toolUseId: 't1', input: { command: 'rm\n-r x' } },
      { tool: 'Write', toolUseId: 't2' },
    ];
    const [end] = renderAll([
      { type: 'completed', evidence: 'complete-line', permissionDenials, moreDenials: 3 },
    ]);
    const notes = end?.notes ?? [];
    expect(notes.slice(0, -1).map((line) => line.trim())).toEqual([
      '⚠ not allowed: Bash rm -r x',
      '⚠ not allowed: Write',
      '⚠ and 3 more',
    ]);
    expect(notes.at(-1)).toContain('completed');
  });

  it('says until when a usage limit holds', () => {
    const error = {
      code: 'claude_usage_limit',
      message: 'limit',
      retrySafe: true,
      resetsAt: 1795500000_000,
    } as const;
    const [end] = renderAll([{ type: 'failed', error, partial: false }]);
    expect(end?.notes?.at(-1)).toMatch(/claude_usage_limit: limit; until \d/);
  });

  it('gives each use of a tool one line without control characters, and a sub-agent’s further in', () => {
    const uses = [
      { name: 'Bash', input: { command: 'ls\n\u001b[31m -l', description: 'list' } },
      { name: 'TodoWrite', input: { todos: [1] } },
      { name: 'Read', input: { file_path: 'x'.repeat(200) }, parent: 'toolu_1' },
    ];
    const renderings = renderAll([
      ...uses.map((use) => ({ type: 'tool_started' as const, toolUseId: 't', ...use })),
      { type: 'tool_ended', toolUseId: 't', name: 'Bash', isError: false, durationMs: 1 },
      { type: 'message', message: { type: 'assistant' } },
    ]);
    expect(renderings.map(({ notes }) => notes)).toEqual([
      ['⚒ Bash ls [31m -l'],
      ['⚒ TodoWrite {"todos":[1]}'],
      [`  ⚒ Read ${'x'.repeat(94)}…`],
      ...[undefined, undefined],
    ]);
  });

  it('passes over events of a newer gateway', () => {
    expect(
      createRenderer(plain).render({ ...event(1, { type: 'queued' }), type: 'weather' } as never),
    ).toEqual({});
  });

  it('says until when it waits', () => {
    const [rendering] = renderAll([{ type: 'throttled', untilMs: 0, reason: 'rate_limit' }]);
    expect(rendering?.notes?.[0]).toMatch(/⏸ waiting until \d\d:\d\d:\d\d: rate_limit/);
    const reason = 'usage_limit';
    const [limited] = renderAll([{ type: 'throttled', untilMs: 0, reason, limit: 'five_hour', resetsAt: 0 }]);
    expect(limited?.notes?.[0]).toMatch(/⏸ waiting until \d\d:\d\d:\d\d: usage_limit \(five_hour\)/);
  });

  it('prints the answer of a terminal event when no output carried it', () => {
    const done: EventBody = { type: 'completed', evidence: 'result-line', text: 'whole' };
    expect(renderAll([{ type: 'queued' }, done])[1]?.text).toBe('whole');
    expect(renderAll([{ type: 'queued' }, { type: 'output', text: 'whole' }, done])[2]?.text).toBeUndefined();
    expect(renderAll([done], 5)[0]?.text).toBeUndefined();
  });

  it('says how the job ended and whether it can be run again', () => {
    const error = { code: 'upstream_busy', message: 'full', retrySafe: true } as const;
    const [rendering] = renderAll([{ type: 'failed', error, partial: false, durationMs: 65_000 }]);
    expect(rendering?.notes).toEqual([
      `✖ failed: upstream_busy: full; nothing had begun  1 min 5 s · ${jobId}`,
    ]);
  });
});
