/** Scripts for the scripted upstream: what claude-api streams for an answer in these pieces. */
import type { UpstreamStep } from '@cc-executor/testing';

const start = { type: 'start', execution_id: 'scripted', engine: 'claude' };
const complete = { type: 'complete', execution_id: 'scripted', status: 'success', exit_code: 0 };

/** The start of an answer: `start`, and a message with one open text block. */
export function opening(): UpstreamStep[] {
  const block = { type: 'text', text: '' };
  return [
    { line: start },
    { line: { type: 'system', subtype: 'init', model: 'scripted', session_id: 'scripted' } },
    {
      line: streamEvent({ type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [] } }),
    },
    { line: streamEvent({ type: 'content_block_start', index: 0, content_block: block }) },
  ];
}

export function piece(text: string): UpstreamStep {
  const delta = { type: 'text_delta', text };
  return { line: streamEvent({ type: 'content_block_delta', index: 0, delta }) };
}

/** The end of an answer with this text. */
export function closing(text: string): UpstreamStep[] {
  const content = [{ type: 'text', text }];
  return [
    { line: { type: 'assistant', message: { id: 'msg_1', role: 'assistant', content } } },
    { line: streamEvent({ type: 'content_block_stop', index: 0 }) },
    { line: streamEvent({ type: 'message_stop' }) },
    { line: { type: 'result', subtype: 'success', is_error: false, result: text } },
    { line: complete },
  ];
}

/** A whole answer. */
export function answer(pieces: readonly string[]): UpstreamStep[] {
  return [...opening(), ...pieces.map(piece), ...closing(pieces.join(''))];
}

function streamEvent(event: object): object {
  return { type: 'stream_event', event, parent_tool_use_id: null };
}
