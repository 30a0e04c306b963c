/** The recordings of the real CLI, and small makers of its lines. */
import { readdirSync, readFileSync } from 'node:fs';
import { createStreamReader, type StreamEvent } from '../src/index.ts';

const folder = new URL('../../testing/recordings/', import.meta.url);

/** Every recording there is. */
export const recordingNames = readdirSync(folder)
  .filter((file) => file.endsWith('.jsonl'))
  .map((file) => file.replace('.jsonl', ''));

export function recording(name: string): string[] {
  return readFileSync(new URL(`${name}.jsonl`, folder), 'utf8')
    .split('\n')
    .filter(Boolean);
}

/** Sessions with an open standard input, by name: what went in, and what came out. */
export const sessions: Record<string, { sent: string[]; printed: string[] }> = Object.fromEntries(
  readdirSync(new URL('control/', folder)).map((file) => {
    const steps = recording(`control/${file.replace('.jsonl', '')}`).map((step) => JSON.parse(step));
    const linesOf = (way: 'to' | 'from') =>
      steps.flatMap((step) => (way in step ? [JSON.stringify(step.line)] : []));
    return [file, { sent: linesOf('to'), printed: linesOf('from') }];
  }),
);

export function readAll(lines: readonly (string | object)[]): StreamEvent[] {
  const reader = createStreamReader();
  return lines.flatMap((line) => [...reader.read(typeof line === 'string' ? line : JSON.stringify(line))]);
}

/** The text blocks that stand after all events. */
export function foldBlocks(events: readonly StreamEvent[]): string[] {
  const blocks: string[] = [];
  for (const event of events) {
    if (event.type === 'discard') blocks.pop();
    else if (event.type === 'text' && event.begin) blocks.push(event.text);
    else if (event.type === 'text') blocks.push(`${blocks.pop()}${event.text}`);
  }
  return blocks;
}

const event = (body: object, rest: object = {}) => ({
  type: 'stream_event',
  event: body,
  parent_tool_use_id: null,
  ...rest,
});

export const messageStart = (id: string) => event({ type: 'message_start', message: { id } });
export const blockStart = (index: number, block: object = { type: 'text', text: '' }) =>
  event({ type: 'content_block_start', index, content_block: block });
export const delta = (text: string, index = 0) =>
  event({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } });
export const blockStop = (index = 0) => event({ type: 'content_block_stop', index });
export const messageStop = (abandonedFrom?: number) =>
  event(
    { type: 'message_stop' },
    abandonedFrom === undefined ? {} : { abandoned_blocks: { from_block_index: abandonedFrom } },
  );
export const assistant = (content: unknown, rest: object = {}) => ({
  type: 'assistant',
  message: { id: 'm1', role: 'assistant', model: 'claude', content },
  parent_tool_use_id: null,
  ...rest,
});
export const text = (value: string) => ({ type: 'text', text: value });
export const toolUse = { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'true' } };
export const success = (result: string) => ({ type: 'result', subtype: 'success', is_error: false, result });
