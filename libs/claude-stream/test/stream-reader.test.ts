import { describe, expect, it } from 'vitest';
import type { StreamEvent } from '../src/index.ts';
import {
  assistant,
  blockStart,
  blockStop,
  delta,
  foldBlocks,
  messageStart,
  messageStop,
  readAll,
  recording,
  success,
  text,
  toolUse,
} from './recordings.ts';

const types = (events: readonly StreamEvent[]) => events.map((event) => event.type);
const withoutActivity = (events: readonly StreamEvent[]) => events.filter(({ type }) => type !== 'activity');

describe('the stream reader, on recordings of the real CLI', () => {
  it('streams a short answer at once and repeats nothing', () => {
    const events = withoutActivity(readAll(recording('ok')));
    expect(types(events)).toEqual(['session', 'text', 'text', 'text', 'result']);
    expect(events[0]).toMatchObject({ model: 'claude-opus-5-5', cwd: '/workspace', version: '2.1.330' });
    expect(events.slice(1, 4)).toEqual([
      { type: 'text', text: 'You said: Te', begin: true },
      { type: 'text', text: 'll me a thin', begin: false },
      { type: 'text', text: 'g', begin: false },
    ]);
  });

  it('says which MCP servers there are and how they are, those that failed first', () => {
    expect(readAll(recording('dead-mcp-servers'))[0]).toMatchObject({
      type: 'session',
      mcpServers: [
        { name: 'gone', status: 'failed' },
        { name: 'closed', status: 'failed' },
      ],
    });
    const server = (name: string, status: string) => ({ name, status, source: 'dynamic' });
    const servers = [...Array(60).fill(server('up', 'connected')), server('down', 'failed')];
    const [event] = readAll([{ type: 'system', subtype: 'init', mcp_servers: servers, tools: [7, 'Read'] }]);
    if (event?.type !== 'session') throw new Error('it is no session');
    expect(event.tools).toEqual(['Read']);
    expect(event.mcpServers).toHaveLength(50);
    expect(event.mcpServers?.[0]).toEqual({ name: 'down', status: 'failed' });
  });

  it('passes tool use and tool result on as messages, between which there is no text', () => {
    const events = withoutActivity(readAll(recording('tool')));
    expect(types(events)).toEqual(['session', 'message', 'message', 'text', 'text', 'result']);
    expect(foldBlocks(events)).toEqual(['The output is:\n714']);
  });

  it('discards each broken try and takes the whole text that came unstreamed', () => {
    const events = withoutActivity(readAll(recording('drop')));
    const five = Array<string>(5).fill('text');
    expect(types(events)).toEqual([
      'session',
      ...five,
      'discard',
      'throttled',
      ...five,
      'discard',
      'text',
      'result',
    ]);
    expect(foldBlocks(events)).toEqual([Array.from({ length: 20 }, (_, index) => `w${index} `).join('')]);
  });

  it('keeps what was confirmed before an interruption', () => {
    const events = withoutActivity(readAll(recording('interrupted')));
    expect(types(events)).not.toContain('discard');
    expect(foldBlocks(events)).toEqual([Array.from({ length: 25 }, (_, index) => `w${index} `).join('')]);
  });

  it('reports a wait for the model, and gives its error as a notice, never as text', () => {
    const events = withoutActivity(readAll(recording('overloaded')));
    expect(types(events)).toEqual(['session', 'throttled', 'notice', 'result']);
    expect(events[1]).toEqual({
      type: 'throttled',
      delayMs: 507,
      attempt: 1,
      maxRetries: 1,
      status: 529,
      reason: 'overloaded',
    });
  });
});

describe('the stream reader, where sources of text disagree', () => {
  it('takes each block of a message with text, a tool and text again', () => {
    const events = readAll([
      messageStart('m1'),
      blockStart(0),
      delta('one '),
      delta('two'),
      assistant([text('one two')]),
      blockStop(0),
      blockStart(1, toolUse),
      assistant([toolUse]),
      blockStop(1),
      blockStart(2),
      delta('three', 2),
      assistant([text('three')]),
      blockStop(2),
      messageStop(),
      success('three'),
    ]);
    expect(types(withoutActivity(events))).toEqual(['text', 'text', 'message', 'text', 'result']);
    expect(foldBlocks(events)).toEqual(['one two', 'three']);
  });

  it('takes the whole message that confirms several streamed blocks at once', () => {
    const blocks = [blockStart(0), delta('one'), blockStop(0), blockStart(1), delta('two', 1), blockStop(1)];
    const events = readAll([messageStart('m1'), ...blocks, assistant([text('one'), toolUse, text('two')])]);
    expect(types(withoutActivity(events))).toEqual(['text', 'text', 'message']);
    expect(foldBlocks(events)).toEqual(['one', 'two']);
  });

  it('replaces streamed text by the different text of the assistant line', () => {
    const events = readAll([messageStart('m1'), blockStart(0), delta('draft'), assistant([text('final')])]);
    expect(withoutActivity(events).slice(1)).toEqual([
      { type: 'discard', reason: 'the streamed text was not the answer' },
      { type: 'text', text: 'final', begin: true },
    ]);
  });

  it('emits whole texts of a CLI that streams no deltas', () => {
    const events = readAll([assistant([text('a'), toolUse]), assistant('b'), success('b')]);
    expect(types(events)).toEqual(['text', 'message', 'text', 'result']);
    expect(foldBlocks(events)).toEqual(['a', 'b']);
  });

  it('discards unconfirmed text when a new message starts, and confirmed text never', () => {
    const lost = [messageStart('m1'), blockStart(0), delta('lost')];
    expect(foldBlocks(readAll([...lost, messageStart('m2'), blockStart(0), delta('kept')]))).toEqual([
      'kept',
    ]);
    const confirmed = [messageStart('m1'), blockStart(0), delta('kept'), assistant([text('kept')])];
    expect(foldBlocks(readAll([...confirmed, messageStart('m2'), messageStop(0)]))).toEqual(['kept']);
  });

  it('discards only blocks from the abandoned index on', () => {
    const first = [messageStart('m1'), blockStart(0), delta('a')];
    expect(foldBlocks(readAll([...first, messageStop(0)]))).toEqual([]);
    expect(foldBlocks(readAll([...first, messageStop(1)]))).toEqual(['a']);
    const second = [
      ...first,
      assistant([text('a')]),
      blockStop(0),
      blockStart(1),
      delta('b', 1),
      messageStop(1),
    ];
    expect(foldBlocks(readAll(second))).toEqual(['a']);
  });

  it('emits the text of a successful result when nothing else brought it, and not when it is known', () => {
    expect(foldBlocks(readAll([success('only here')]))).toEqual(['only here']);
    expect(foldBlocks(readAll([assistant([text('known\n')]), success('known')]))).toEqual(['known\n']);
    expect(foldBlocks(readAll([delta('known'), success('known')]))).toEqual(['known']);
    expect(foldBlocks(readAll([delta('half of'), success('another')]))).toEqual(['another']);
    expect(foldBlocks(readAll([assistant([text('one')]), success('two')]))).toEqual(['one', 'two']);
    expect(foldBlocks(readAll([assistant([text('one')]), success('')]))).toEqual(['one']);
  });

  it('keeps partial text when the result is a failure', () => {
    const failure = { type: 'result', subtype: 'success', is_error: true, result: 'API Error: 500' };
    expect(foldBlocks(readAll([messageStart('m'), delta('partial'), failure]))).toEqual(['partial']);
  });
});

describe('the stream reader, on lines that are no text', () => {
  it('gives everything of a sub-agent as messages, but its deltas as activity', () => {
    const own = { parent_tool_use_id: 'toolu_1' };
    const events = readAll([
      { ...delta('secret'), ...own },
      assistant([text('sub-agent')], own),
      { type: 'user', message: { role: 'user', content: 'to the sub-agent' }, ...own },
    ]);
    expect(types(events)).toEqual(['activity', 'message', 'message']);
  });

  it.each([
    ['a string', 'done'],
    ['a list', [{ type: 'text', text: 'done' }]],
  ])('passes a tool result with %s as its content through whole', (_name, content) => {
    const line = { type: 'user', message: { role: 'user', content: [{ type: 'tool_result', content }] } };
    expect(readAll([line])).toEqual([{ type: 'message', message: line }]);
  });

  it('passes unknown types, unknown system lines and thinking through whole', () => {
    const lines = [
      { type: 'something_new' },
      { type: 'system', subtype: 'something_new' },
      { type: 'system', subtype: 'compact_boundary' },
      assistant([{ type: 'thinking', thinking: 'hm' }]),
      { type: 'assistant' },
    ];
    expect(readAll(lines)).toEqual(lines.map((message) => ({ type: 'message', message })));
  });

  it('says what runs in the background, cut to what may be kept, and passes the line through', () => {
    const tasks = Array.from({ length: 25 }, (_, index) => ({
      task_id: `b${index}`,
      task_type: 'local_bash',
      description: `${'x'.repeat(199)}🚀`,
      more: true,
    }));
    const line = { type: 'system', subtype: 'background_tasks_changed', tasks };
    const [message, background] = readAll([line]);
    expect(message).toEqual({ type: 'message', message: line });
    const description = `${'x'.repeat(199)}\ufffd`;
    const kept = tasks.slice(0, 20).map(({ task_id: id, task_type: type }) => ({ id, type, description }));
    expect(background).toEqual({ type: 'background', tasks: kept });
    expect(readAll([{ ...line, tasks: [{}] }]).at(-1)).toEqual({ type: 'background', tasks: [{ id: '' }] });
    expect(readAll([{ ...line, tasks: 'none' }])).toHaveLength(1);
  });

  it('passes on as notices, which are no output, what Claude Code and claude-api say themselves', () => {
    const lines = [
      { type: 'rate_limit_event', rate_limit_info: { status: 'allowed' } },
      { type: 'rate_limit_event' },
      { type: 'auth_status', isAuthenticating: true, output: [] },
      { type: 'system', subtype: 'informational', content: 'continuing once' },
      { type: 'source', content: 'fetching https://git.example/site' },
      { type: 'user', message: { role: 'user', content: [text('[Request interrupted by user]')] } },
      assistant([text('API Error')], { is_api_error_message: true }),
      { type: 'assistant', message: { model: '<synthetic>', content: [text('No response requested.')] } },
    ];
    expect(readAll(lines)).toEqual(lines.map((message) => ({ type: 'notice', message })));
  });

  it('gives with a result the typed cause that was said before it, unless the model answered since', () => {
    const limit = {
      type: 'rate_limit_event',
      rate_limit_info: { status: 'rejected', resetsAt: 1795500000 },
    };
    const madeUp = assistant([text('no')], { is_api_error_message: true, error: 'rate_limit' });
    const causeAfter = (...lines: object[]) => {
      const last = readAll([...lines, { type: 'result', is_error: true }]).at(-1);
      return last?.type === 'result' ? last.cause : undefined;
    };
    expect(causeAfter(limit, madeUp)).toEqual({ error: 'rate_limit', resetsAt: 1795500000_000 });
    expect(causeAfter({ ...limit, rate_limit_info: { status: 'allowed', resetsAt: 1 } })).toEqual({});
    expect(causeAfter(limit, madeUp, messageStart('m1'))).toEqual({});
    expect(causeAfter(limit, madeUp, assistant([text('here')]))).toEqual({});
  });

  it('takes the progress of thinking for activity of the model, and a status for activity', () => {
    expect(readAll([{ type: 'system', subtype: 'thinking_tokens', estimated_tokens: 1 }])).toEqual([
      { type: 'activity', generating: true },
    ]);
    expect(readAll([{ type: 'system', subtype: 'status', status: 'requesting' }])).toEqual([
      { type: 'activity', generating: false },
    ]);
  });

  it("reads claude-api's own lines", () => {
    const complete = {
      type: 'complete',
      execution_id: 'e1',
      status: 'error',
      exit_code: null,
      error: 'spawn',
    };
    expect(
      readAll([
        { type: 'start', execution_id: 'e1', engine: 'claude' },
        { type: 'ping' },
        { ...complete, bytes: 3, digest: 'ab', message: 'why' },
        { type: 'complete', error: { code: 'spawn', message: 'no binary' } },
      ]),
    ).toEqual([
      { type: 'started', executionId: 'e1', engine: 'claude' },
      { type: 'ping' },
      {
        type: 'complete',
        complete: { status: 'error', exitCode: null, bytes: 3, digest: 'ab', error: 'spawn', message: 'why' },
      },
      { type: 'complete', complete: { status: '', error: 'spawn', message: 'no binary' } },
    ]);
  });

  it.each([99, 101, 60_001])(
    'hands on what is nested %d deep in a form that can be written as JSON',
    (depth) => {
      // The line itself is the first level.
      const pairs = (depth - 1) / 2;
      const line = `{"type":"user","tool_use_result":${'{"7":['.repeat(pairs)}1${']}'.repeat(pairs)},"after":[1]}`;
      const [event] = readAll([line]);
      if (event?.type !== 'message') throw new Error('it is no message');
      const text = JSON.stringify(event.message);
      expect(text.length).toBeLessThan(1_000);
      expect(text.includes('left out')).toBe(depth > 100);
      expect(event.message.after).toEqual([1]);
    },
  );

  it('keeps a result whose usage is nested too deep', () => {
    const usage = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const [event] = readAll([`{"type":"result","subtype":"success","result":"","usage":{"0":${usage}}}`]);
    expect(JSON.stringify(event)).toContain('left out');
  });

  it('calls a line noise that is not an object with a type, and ignores empty ones', () => {
    const noise = ['npm warn old lockfile', '[1]', '3', 'null', '"text"', '{"level":30}', '{"type":'];
    expect(readAll(noise)).toEqual(noise.map((line) => ({ type: 'noise', line })));
    expect(readAll(['', '  '])).toEqual([]);
  });

  it('survives lines whose members have the wrong types', () => {
    const lines = [
      { type: 'stream_event' },
      { type: 'stream_event', event: null },
      { type: 'stream_event', event: { type: 'content_block_delta' } },
      {
        type: 'stream_event',
        event: { type: 'content_block_delta', delta: { type: 'text_delta', text: 7 } },
      },
      { type: 'stream_event', event: { type: 'content_block_start', content_block: null } },
      assistant([null]),
      assistant(7),
      { type: 'assistant', message: null },
      { type: 'system' },
      { type: 'result', result: 7 },
    ];
    expect(foldBlocks(readAll(lines))).toEqual([]);
  });
});
