/**
 * An engine without a model: puts out the lines that Claude Code would, at a gentle pace, so that everything
 * around it can be tried without a key. What it does with which prompt is in demo-script.ts.
 */

import { randomUUID } from 'node:crypto';
import { sleep } from '@cc-executor/runtime';
import { type DemoPlan, planDemo } from './demo-script.ts';
import type { Engine, EngineEnding, ExecutionRequest, PauseSwitch, RunOptions } from './engine.ts';

const MODEL = 'demo';

/** Makes the demo engine. */
export function createDemoEngine(): Engine {
  return {
    name: 'demo',
    describe: async () => ({ ok: true, detail: 'a demo: answers are made up, no model is asked' }),
    prepare: async ({ conversation = randomUUID() }) => {
      return { place: { cwd: '', conversation, isWorkspace: false, release: async () => {} } };
    },
    run: runDemo,
    readTranscript: async () => {
      return { reason: 'demo_engine', message: 'The demo makes its answers up: there is no transcript' };
    },
  };
}

async function runDemo(
  request: ExecutionRequest,
  { place, signal, pause, onLines }: RunOptions,
): Promise<EngineEnding> {
  const startedAt = performance.now();
  const plan = planDemo(request.question);
  const untilRunning = followPauses(pause, signal);
  const put = async (...lines: object[]) => {
    await untilRunning();
    await onLines(lines.map((line) => JSON.stringify({ ...line, session_id: place.conversation })));
  };
  const finish = (fields: object) => put(resultLine(request, plan, performance.now() - startedAt, fields));
  try {
    await put({ type: 'system', subtype: 'init', cwd: '', tools: ['Bash'], mcp_servers: [], model: MODEL });
    if (plan.tool !== undefined) await put(...toolTurn(plan.tool));
    await put(
      streamEvent({ type: 'message_start', message: message([]) }),
      streamEvent({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    );
    for (const text of plan.pieces) {
      if (plan.delayMs > 0) await sleep(plan.delayMs, signal);
      else if (signal.aborted) break;
      await put(streamEvent({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }));
    }
    if (plan.hang) await sleep(2 ** 31 - 1, signal);
    signal.throwIfAborted();
    await put(
      assistantLine([{ type: 'text', text: plan.pieces.join('') }]),
      streamEvent({ type: 'content_block_stop', index: 0 }),
      streamEvent({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } }),
      streamEvent({ type: 'message_stop' }),
    );
    if (plan.fail !== undefined) {
      await finish({ subtype: 'success', is_error: true, result: plan.fail });
      return { exitCode: 1, signal: null, stderr: '' };
    }
    await finish({ subtype: 'success', is_error: false, result: plan.pieces.join('') });
  } catch (error) {
    if (!signal.aborted) throw error;
    await finish({ subtype: 'error_during_execution', is_error: true });
  }
  return { exitCode: 0, signal: null, stderr: '' };
}

/** Gives a function that waits while the run is paused, unless it is stopped. */
function followPauses(pause: PauseSwitch, signal: AbortSignal): () => Promise<void> {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  pause.follow(async (paused) => {
    if (paused) gate = Promise.withResolvers<void>();
    else gate.resolve();
  });
  signal.addEventListener('abort', () => gate.resolve(), { once: true });
  return () => (signal.aborted ? Promise.resolve() : gate.promise);
}

function toolTurn(command: string): object[] {
  const use = { type: 'tool_use', id: 'toolu_demo', name: 'Bash', input: { command } };
  const json = JSON.stringify(use.input);
  const result = {
    type: 'tool_result',
    tool_use_id: use.id,
    content: '(demo: nothing was run)',
    is_error: false,
  };
  return [
    streamEvent({ type: 'message_start', message: message([]) }),
    streamEvent({ type: 'content_block_start', index: 0, content_block: { ...use, input: {} } }),
    streamEvent({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'input_json_delta', partial_json: json },
    }),
    assistantLine([use]),
    streamEvent({ type: 'content_block_stop', index: 0 }),
    streamEvent({ type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 1 } }),
    streamEvent({ type: 'message_stop' }),
    { type: 'user', message: { role: 'user', content: [result] }, parent_tool_use_id: null },
  ];
}

function streamEvent(event: object): object {
  return { type: 'stream_event', event, parent_tool_use_id: null };
}

function assistantLine(content: object[]): object {
  return { type: 'assistant', message: message(content), parent_tool_use_id: null };
}

function message(content: object[]): object {
  const usage = { input_tokens: 1, output_tokens: 1 };
  return {
    id: 'msg_demo',
    type: 'message',
    role: 'assistant',
    model: MODEL,
    content,
    stop_reason: null,
    usage,
  };
}

function resultLine(request: ExecutionRequest, plan: DemoPlan, elapsedMs: number, fields: object): object {
  const usage = {
    input_tokens: Math.ceil(request.question.length / 4),
    output_tokens: plan.pieces.length,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  const durationMs = Math.round(elapsedMs);
  return {
    type: 'result',
    ...fields,
    duration_ms: durationMs,
    duration_api_ms: durationMs,
    num_turns: plan.tool === undefined ? 1 : 2,
    total_cost_usd: 0,
    usage,
    permission_denials: [],
  };
}
