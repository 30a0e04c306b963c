/**
 * Turns the lines of Claude Code's stream-json (with or without partial messages), mixed with claude-api's own
 * lines, into stream events. Pure: no time, no input or output. Text deltas go out at once; what `answer-tracker.ts`
 * finds void is discarded. Only the main conversation gives text: sub-agents are `message`, and what Claude Code makes
 * up in the model's or the user's place is `notice`.
 */
import { createAnswerTracker } from './answer-tracker.ts';
import { readBackgroundTasks } from './background-tasks.ts';
import { createCauseWatch } from './cause.ts';
import { lineKindOf } from './line-kinds.ts';
import { boundNesting } from './nesting.ts';
import { readSession } from './session.ts';
import type { StreamEvent } from './stream-event.ts';
import {
  type AssistantLine,
  type ClaudeResult,
  type Complete,
  type ContentBlock,
  isObject,
  type JsonObject,
  numberOf,
  type StreamEventLine,
  stringOf,
} from './stream-line.ts';
import { type LongPiece, readLongTextDelta, readTextDelta } from './text-delta.ts';

export type StreamReader = {
  /** Reads one line, without its line end, as text or as its bytes. Never throws: what it cannot read is `noise`. */
  read(line: string | Buffer): readonly StreamEvent[];
};

const NOTHING: readonly StreamEvent[] = [];
const PING: readonly StreamEvent[] = [{ type: 'ping' }];
const ALIVE: readonly StreamEvent[] = [{ type: 'activity', generating: false }];
const GENERATING: readonly StreamEvent[] = [{ type: 'activity', generating: true }];

/** Makes a reader for the lines of one run. */
export function createStreamReader(): StreamReader {
  const answer = createAnswerTracker();
  const cause = createCauseWatch();

  function readStreamEvent(line: StreamEventLine): readonly StreamEvent[] {
    const events: StreamEvent[] = [];
    const event = line.event;
    if (event?.type === 'content_block_delta') {
      const text = event.delta?.type === 'text_delta' ? event.delta.text : undefined;
      if (typeof text === 'string' && text !== '') answer.append(text, events);
    } else if (event?.type === 'content_block_start') {
      const block = event.content_block;
      answer.startBlock(event.index ?? 0);
      if (block?.type === 'text' && block.text) answer.append(block.text, events);
    } else if (event?.type === 'message_start') {
      cause.clear();
      answer.startMessage(events);
    }
    if (isObject(line.abandoned_blocks)) {
      answer.abandon(numberOf(line.abandoned_blocks.from_block_index) ?? 0, events);
    }
    return events.length === 0 ? GENERATING : events;
  }

  function readPiece(text: string): readonly StreamEvent[] {
    if (text === '') return GENERATING;
    const events: StreamEvent[] = [];
    answer.append(text, events);
    return events;
  }

  function readLongPiece({ text, ...written }: LongPiece): readonly StreamEvent[] {
    const events: StreamEvent[] = [];
    answer.append(text, events, written);
    return events;
  }

  function readAssistant(line: AssistantLine): readonly StreamEvent[] {
    const content = line.message?.content;
    const madeUp = line.message?.model === '<synthetic>' || line.is_api_error_message === true;
    const blocks: ContentBlock[] | undefined =
      typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    if (madeUp) {
      cause.noteMadeUp(line);
      return [{ type: 'notice', message: line }];
    }
    cause.clear();
    if (!Array.isArray(blocks)) return [{ type: 'message', message: line }];
    const events: StreamEvent[] = [];
    let structured = blocks.length === 0;
    for (const block of blocks) {
      if (block?.type === 'text' && typeof block.text === 'string') answer.confirm(block.text, events);
      else structured = true;
    }
    if (structured) events.push({ type: 'message', message: line });
    return events.length === 0 ? GENERATING : events;
  }

  function readResult(result: ClaudeResult): readonly StreamEvent[] {
    const events: StreamEvent[] = [];
    const succeeded = result.subtype === 'success' && result.is_error !== true;
    if (succeeded && typeof result.result === 'string' && result.result !== '') {
      answer.finish(result.result, events);
    }
    events.push({ type: 'result', result, cause: cause.value() });
    return events;
  }

  return {
    read(given) {
      const long = typeof given === 'string' ? undefined : readLongTextDelta(given);
      if (long !== undefined) return long.text === '' ? GENERATING : readLongPiece(long);
      const line = given.toString();
      const piece = readTextDelta(line);
      if (piece !== undefined) return readPiece(piece);
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        return line.trim() === '' ? NOTHING : [{ type: 'noise', line }];
      }
      if (!isObject(value) || typeof value.type !== 'string') return [{ type: 'noise', line }];
      // Of a stream_event nothing but text is handed on.
      if (value.type !== 'stream_event') boundNesting(value, line);
      const ofSubAgent = typeof value.parent_tool_use_id === 'string';
      switch (value.type) {
        case 'stream_event':
          // A sub-agent's deltas come again, whole, in its assistant line.
          return ofSubAgent ? GENERATING : readStreamEvent(value);
        case 'assistant':
          return ofSubAgent ? [{ type: 'message', message: value }] : readAssistant(value);
        case 'user':
          return [{ type: ofSubAgent || holdsToolResult(value) ? 'message' : 'notice', message: value }];
        case 'system':
          return readSystem(value);
        case 'rate_limit_event':
          cause.noteLimit(value);
          return [{ type: 'notice', message: value }];
        case 'result':
          return readResult(value as ClaudeResult);
        case 'ping':
          return PING;
        case 'background_output':
          return ALIVE;
        case 'source':
          return [{ type: 'notice', message: value }];
        case 'paused':
        case 'resumed':
          return [{ type: value.type }];
        case 'start':
          return [readStart(value)];
        case 'complete':
          return [{ type: 'complete', complete: readComplete(value) }];
        default:
          return [readOther(value)];
      }
    },
  };
}

/** Without one, it is Claude Code that speaks to the model in the user's name: "[Request interrupted by user]". */
function holdsToolResult({ message, tool_use_result: result }: JsonObject): boolean {
  if (result !== undefined) return true;
  const content = isObject(message) ? message.content : undefined;
  return Array.isArray(content) && content.some((block) => isObject(block) && block.type === 'tool_result');
}

function readSystem(line: JsonObject): readonly StreamEvent[] {
  if (line.subtype === 'init') return [readSession(line)];
  if (line.subtype === 'api_retry') {
    return [
      {
        type: 'throttled',
        delayMs: numberOf(line.retry_delay_ms) ?? 0,
        attempt: numberOf(line.attempt) ?? 0,
        maxRetries: numberOf(line.max_retries) ?? 0,
        status: numberOf(line.error_status) ?? null,
        reason: stringOf(line.error) ?? 'unknown',
      },
    ];
  }
  const tasks = line.subtype === 'background_tasks_changed' ? readBackgroundTasks(line.tasks) : undefined;
  return tasks === undefined ? [readOther(line)] : [readOther(line), { type: 'background', tasks }];
}

/** A line that is not looked into. */
function readOther(line: JsonObject): StreamEvent {
  const kind = lineKindOf(stringOf(line.type) ?? '', line.subtype);
  if (kind === 'notice') return { type: 'notice', message: line };
  if (kind === 'ping') return { type: 'ping' };
  if (kind === 'activity' || kind === 'generating') {
    return { type: 'activity', generating: kind === 'generating' };
  }
  return { type: 'message', message: line };
}

function readStart(line: JsonObject): StreamEvent {
  const executionId = stringOf(line.execution_id);
  const engine = stringOf(line.engine);
  const credential = stringOf(line.credential);
  return {
    type: 'started',
    ...(executionId && { executionId }),
    ...(engine && { engine }),
    ...(credential && { credential }),
  };
}

function readDiff(value: unknown): Complete['diff'] {
  if (!isObject(value)) return undefined;
  const [bytes, files, sha256] = [numberOf(value.bytes), numberOf(value.files), stringOf(value.sha256)];
  if (bytes === undefined || files === undefined || sha256 === undefined) return undefined;
  // Others may say anything.
  if (![bytes, files].every((count) => Number.isSafeInteger(count) && count >= 0)) return undefined;
  return { bytes, sha256, files };
}

function readComplete(line: JsonObject): Complete {
  const complete: Complete = { status: stringOf(line.status) ?? '' };
  const exitCode = line.exit_code === null ? null : numberOf(line.exit_code);
  const bytes = numberOf(line.bytes);
  const digest = stringOf(line.digest);
  // Ours is `{code, message}`; others give a string.
  const detail = isObject(line.error) ? line.error : { code: line.error, message: line.message };
  const error = stringOf(detail.code);
  const message = stringOf(detail.message);
  if (exitCode !== undefined) complete.exitCode = exitCode;
  if (bytes !== undefined) complete.bytes = bytes;
  if (digest !== undefined) complete.digest = digest;
  if (line.conversation === null) complete.conversation = null;
  if (error !== undefined) complete.error = error;
  if (message !== undefined) complete.message = message;
  const tasks = readBackgroundTasks(line.background_tasks);
  if (tasks !== undefined) complete.backgroundTasks = tasks;
  const diff = readDiff(line.diff);
  if (diff !== undefined) complete.diff = diff;
  return complete;
}
