/**
 * Makes typed events of the messages in which Claude Code uses its tools: `tool_started`, and `tool_ended` for each that has
 * started. What is long in them is cut, for their message has it whole. One for each call to claude-api.
 */
import type { EventBody } from '@cc-executor/protocol';
import { shorten } from './shorten.ts';
import { cutText } from './utf8-cuts.ts';

const MAX_INPUT_BYTES = 4 * 1024;
const MAX_TEXT_BYTES = 4 * 1024;
const MAX_NAME_LENGTH = 200;
/** Tools at work at once of which we know when they started. */
const MAX_OPEN = 1_000;

type Json = Record<string, unknown>;
type ToolEvent = Extract<EventBody, { type: 'tool_started' | 'tool_ended' }>;
type Open = { name: string; since: number };

export type ToolEvents = {
  /** What the message says of tools, in order. `isAll`: there is nothing else in it. */
  read(message: Json): { events: ToolEvent[]; isAll: boolean };
};

/** @param now a clock in ms */
export function createToolEvents(now: () => number = () => performance.now()): ToolEvents {
  const open = new Map<string, Open>();

  function start(block: Json, within: Pick<ToolEvent, 'parent'>): ToolEvent[] {
    const toolUseId = shortName(block.id);
    if (toolUseId === '' || open.has(toolUseId) || open.size >= MAX_OPEN) return [];
    const name = shortName(block.name);
    open.set(toolUseId, { name, since: now() });
    const input = shorten(asRecord(block.input), MAX_INPUT_BYTES);
    return [{ type: 'tool_started', toolUseId, name, input, ...within }];
  }

  function end(block: Json, within: Pick<ToolEvent, 'parent'>): ToolEvent[] {
    const toolUseId = shortName(block.tool_use_id);
    const known = open.get(toolUseId);
    if (known === undefined) return [];
    open.delete(toolUseId);
    const text = textOf(block.content);
    return [
      {
        type: 'tool_ended',
        ...{ toolUseId, name: known.name, isError: block.is_error === true },
        ...(text !== '' && { text }),
        durationMs: Math.round(now() - known.since),
        ...within,
      },
    ];
  }

  return {
    read(message) {
      const { content } = asRecord(message.message);
      const blocks = Array.isArray(content) ? content.map(asRecord) : [];
      const parent = shortName(message.parent_tool_use_id);
      const within = parent === '' ? {} : { parent };
      const events = blocks.flatMap((block) => {
        if (message.type === 'assistant' && block.type === 'tool_use') return start(block, within);
        return message.type === 'user' && block.type === 'tool_result' ? end(block, within) : [];
      });
      return { events, isAll: events.length > 0 && events.length === blocks.length };
    },
  };
}

/** The text of a result; of its other parts, what they are. */
function textOf(content: unknown): string {
  const parts = Array.isArray(content) ? content.map(asRecord) : [{ type: 'text', text: content }];
  const texts = parts.map(({ type, text }) =>
    typeof text === 'string' ? text : type ? `[${String(type)}]` : '',
  );
  return cutText(texts.join('\n'), MAX_TEXT_BYTES);
}

function shortName(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_NAME_LENGTH) : '';
}

function asRecord(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
