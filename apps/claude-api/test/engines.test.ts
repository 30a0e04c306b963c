/**
 * One suite over both engines: what callers see does not depend on which one runs. The real CLI, against a
 * stand-in for the model, is found or fetched by the set-up; without it that half is skipped.
 */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { createDemoEngine } from '../src/demo-engine.ts';
import type { Engine } from '../src/engine.ts';
import {
  isComplete,
  isDelta,
  leftFolders,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
} from './harness.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

type Prompts = {
  says(text: string): string;
  slow: string;
  /** A megabyte at once, 16 characters repeated. */
  long: string;
  tool: string;
  fails: string;
};

const engines: { name: string; skip: boolean; make: () => Promise<Engine>; prompts: Prompts }[] = [
  {
    name: 'demo',
    skip: false,
    make: async () => createDemoEngine(),
    prompts: {
      says: (text) => `demo:${JSON.stringify({ text })}`,
      slow: 'demo:{"repeat":10000,"delayMs":10}',
      long: `demo:${JSON.stringify({ text: 'abcdefghijklmno\n', repeat: 65_536, delayMs: 0 })}`,
      tool: 'demo:{"tool":"expr 24 \\\\* 7","text":"168"}',
      fails: 'demo:{"fail":"out of order"}',
    },
  },
  {
    name: 'claude',
    skip: realCli === undefined,
    make: async () => (await realEngine()).engine,
    prompts: {
      says: (text) => `[[text: ${text}]]`,
      slow: '[[chunks: 10000]] [[delay: 10]]',
      long: '[[size: 1048576]] [[chunks: 64]]',
      tool: '[[bash: awk "BEGIN { print 24 * 7 }"]]',
      fails: '[[status: 400]]',
    },
  },
];

describe.each(engines)('the engine $name', ({ name, skip, make, prompts }) => {
  beforeEach(({ skip: skipTest }) => skipTest(skip, MISSING));

  test('says that it is ready', async () => {
    const api = await startApi(await make());
    const ready = await fetch(`${api.url}/ready`);
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      checks: { engine: { data: { engine: name } } },
    });
  });

  test('streams an answer and proves it with its digest', async () => {
    const api = await startApi(await make());
    const lines = await api.lines({ question: prompts.says('a grün 🚀 answer') });
    const deltas = lines
      .filter(isDelta)
      .map((line) => (line.event as { delta: { text?: string } }).delta.text);
    expect(deltas.join('')).toBe('a grün 🚀 answer');
    const types = lines.map((line) => line.type);
    expect(types[1]).toBe('system');
    expect(types).toContain('assistant');
    expect(lines.find((line) => line.type === 'result')).toMatchObject({
      subtype: 'success',
      is_error: false,
    });
    expect(lines[0]).toMatchObject({ type: 'start', engine: name });
    const complete = soleCompletion(lines);
    expect(complete).toMatchObject({ status: 'success', exit_code: 0, bytes: 19 });
    expect(complete.conversation).toBe(lines.find((line) => line.type === 'result')?.session_id);
  });

  test('a long answer comes whole, and an execution that takes too long ends with what came', async () => {
    const api = await startApi(await make());
    const expected = 'abcdefghijklmno\n'.repeat(65_536);
    const long = await api.lines({ question: prompts.long });
    const complete = soleCompletion(long);
    const digest = createHash('sha256').update(expected).digest('hex');
    expect(complete).toMatchObject({ status: 'success', bytes: expected.length, digest });
    expect(long.find((line) => line.type === 'result')?.result).toHaveLength(expected.length);
    const late = soleCompletion(await api.lines({ question: prompts.slow, timeoutMs: 6_000 }));
    expect(late).toMatchObject({ status: 'timeout', error: { code: 'timeout' } });
    expect(late.bytes).toBeGreaterThan(0);
  });

  test('shows a tool at work', async () => {
    const api = await startApi(await make());
    const lines = await api.lines({ question: prompts.tool, allowedTools: ['Read', 'Bash'] });
    expect(soleCompletion(lines).status).toBe('success');
    const text = JSON.stringify(lines.filter((line) => line.type === 'assistant' || line.type === 'user'));
    expect(text).toContain('"type":"tool_use"');
    expect(text).toContain('"type":"tool_result"');
    expect(lines.find((line) => line.type === 'result')?.result).toContain('168');
  });

  test('reports a failure as an error', async () => {
    const api = await startApi(await make());
    const complete = soleCompletion(await api.lines({ question: prompts.fails }));
    expect(complete).toMatchObject({ status: 'error', exit_code: 1, error: { code: 'claude_error' } });
  });

  test('stops when it is cancelled', async () => {
    const api = await startApi(await make());
    const lines = streamLines(await api.execute({ question: prompts.slow, executionId: 'one' }));
    await readUntil(lines, isDelta);
    expect(await api.cancel('one')).toBe(202);
    const complete = await readUntil(lines, isComplete);
    expect(complete.status).toBe('cancelled');
    expect(complete.bytes).toBeGreaterThan(0);
  });

  test('stands still while it is paused, goes on when it is resumed, and can be cancelled in between', async () => {
    const api = await startApi(await make(), { limits: { pingMs: 20 } });
    const lines = streamLines(await api.execute({ question: prompts.slow, executionId: 'one' }));
    await readUntil(lines, isDelta);
    expect(await api.control('one', 'pause')).toBe(200);
    expect(await api.control('one', 'pause')).toBe(200);
    await readUntil(lines, (line) => line.type === 'paused');
    for (let count = 0; count < 10; count += 1) expect((await lines.next()).value?.type).toBe('ping');
    expect(await api.control('one', 'resume')).toBe(200);
    expect(await api.control('one', 'resume')).toBe(200);
    expect(await readUntil(lines, (line) => line.type !== 'ping')).toEqual({ type: 'resumed' });
    await readUntil(lines, isDelta);
    expect(await api.control('one', 'pause')).toBe(200);
    expect(await api.cancel('one')).toBe(202);
    const rest = await Array.fromAsync(lines);
    expect(rest.filter((line) => line.type === 'paused' || line.type === 'resumed')).toHaveLength(1);
    expect(rest.filter(isComplete)).toHaveLength(1);
    expect(rest.at(-1)).toMatchObject({ type: 'complete', status: 'cancelled' });
    expect(await api.control('one', 'pause')).toBe(404);
  });
});

describe('the real Claude Code', () => {
  beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

  test('a tool that runs when the caller leaves is gone, and so is the call to the model', async () => {
    const { model, engine } = await realEngine();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const api = await startApi({ ...engine, run: (...args) => engine.run(...args).finally(resolve) });
    const caller = new AbortController();
    const question = '[[bash: echo going]] [[bash: (setsid sleep 987654 &); sleep 987654]]';
    const body = { question, allowedTools: ['Bash'] };
    const lines = streamLines(await api.execute(body, { signal: caller.signal }));
    await readUntil(lines, (line) => line.type === 'assistant' && JSON.stringify(line).includes('987654'));
    caller.abort();
    await ended;
    expect(leftFolders(engine)).toEqual([]);
    expect(model.requests.filter((call) => call.ending === undefined)).toEqual([]);
  });
});
