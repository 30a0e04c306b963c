/**
 * Turns the lines of Claude Code's stream-json (with or without partial messages), mixed with claude-api's own
 * lines, into actions. Pure: no time, no input or output. Text deltas go out at once; what `answer-tracker.ts`
 * finds void is discarded. Only the main conversation gives text: sub-agents and made-up messages are `message`.
 */
import { AnswerTracker } from './answer-tracker.ts';
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

export type StreamAction =
  | {
      kind: 'session';
      sessionId: string;
      model?: string;
      cwd?: string;
      version?: string;
      message: JsonObject;
    }
  /** A piece of the answer; `begin` on the first piece of each text block. */
  | { kind: 'text'; text: string; begin: boolean }
  /** Everything since the last `begin` is void. */
  | { kind: 'discard'; reason: string }
  | { kind: 'message'; message: JsonObject }
  /** Claude Code waits before it asks the model's API again. `status` is HTTP's, null when there was none. */
  | {
      kind: 'throttled';
      delayMs: number;
      attempt: number;
      maxRetries: number;
      status: number | null;
      reason: string;
    }
  | { kind: 'result'; result: ClaudeResult }
  | { kind: 'start'; executionId: string; engine?: string }
  | { kind: 'complete'; complete: Complete }
  | { kind: 'ping' }
  /** claude-api has stopped everything, or let it go on. */
  | { kind: 'paused' }
  | { kind: 'resumed' }
  /** Something happened that is of no other interest. `generating`: it is the model that does it. */
  | { kind: 'activity'; generating: boolean }
  /** Not a line of the protocol. */
  | { kind: 'noise'; line: string };

export interface StreamReader {
  /** Reads one line, without its line end. Never throws: what it cannot read is `noise`. */
  read(line: string): readonly StreamAction[];
}

const NOTHING: readonly StreamAction[] = [];
const PING: readonly StreamAction[] = [{ kind: 'ping' }];
const ACTIVITY: readonly StreamAction[] = [{ kind: 'activity', generating: false }];
const GENERATING: readonly StreamAction[] = [{ kind: 'activity', generating: true }];

/** Makes a reader for the lines of one run. */
export function createStreamReader(): StreamReader {
  const answer = new AnswerTracker();

  function readStreamEvent(line: StreamEventLine): readonly StreamAction[] {
    const actions: StreamAction[] = [];
    const event = line.event;
    if (event?.type === 'content_block_delta') {
      const text = event.delta?.type === 'text_delta' ? event.delta.text : undefined;
      if (typeof text === 'string' && text !== '') answer.append(text, actions);
    } else if (event?.type === 'content_block_start') {
      const block = event.content_block;
      answer.startBlock(event.index ?? 0);
      if (block?.type === 'text' && block.text) answer.append(block.text, actions);
    } else if (event?.type === 'message_start') {
      answer.startMessage(actions);
    }
    if (isObject(line.abandoned_blocks)) {
      answer.abandon(numberOf(line.abandoned_blocks.from_block_index) ?? 0, actions);
    }
    return actions.length === 0 ? GENERATING : actions;
  }

  function readAssistant(line: AssistantLine): readonly StreamAction[] {
    const content = line.message?.content;
    const madeUp = line.message?.model === '<synthetic>' || line.is_api_error_message === true;
    const blocks: ContentBlock[] | undefined =
      typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    if (madeUp || !Array.isArray(blocks)) return [{ kind: 'message', message: line }];
    const actions: StreamAction[] = [];
    let structured = blocks.length === 0;
    for (const block of blocks) {
      if (block?.type === 'text' && typeof block.text === 'string') answer.confirm(block.text, actions);
      else structured = true;
    }
    if (structured) actions.push({ kind: 'message', message: line });
    return actions.length === 0 ? GENERATING : actions;
  }

  function readResult(result: ClaudeResult): readonly StreamAction[] {
    const actions: StreamAction[] = [];
    const succeeded = result.subtype === 'success' && result.is_error !== true;
    if (succeeded && typeof result.result === 'string' && result.result !== '') {
      answer.finish(result.result, actions);
    }
    actions.push({ kind: 'result', result });
    return actions;
  }

  return {
    read(line) {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        return line.trim() === '' ? NOTHING : [{ kind: 'noise', line }];
      }
      if (!isObject(value) || typeof value.type !== 'string') return [{ kind: 'noise', line }];
      const ofSubAgent = typeof value.parent_tool_use_id === 'string';
      switch (value.type) {
        case 'stream_event':
          // A sub-agent's deltas come again, whole, in its assistant line.
          return ofSubAgent ? GENERATING : readStreamEvent(value);
        case 'assistant':
          return ofSubAgent ? [{ kind: 'message', message: value }] : readAssistant(value);
        case 'system':
          return readSystem(value);
        case 'result':
          return readResult(value as ClaudeResult);
        case 'ping':
          return PING;
        case 'paused':
        case 'resumed':
          return [{ kind: value.type }];
        case 'start':
          return [readStart(value)];
        case 'complete':
          return [{ kind: 'complete', complete: readComplete(value) }];
        default:
          return [{ kind: 'message', message: value }];
      }
    },
  };
}

function readSystem(line: JsonObject): readonly StreamAction[] {
  if (line.subtype === 'status') return ACTIVITY;
  // A running estimate, one line per thinking delta.
  if (line.subtype === 'thinking_tokens') return GENERATING;
  if (line.subtype === 'init') {
    const model = stringOf(line.model);
    const cwd = stringOf(line.cwd);
    const version = stringOf(line.claude_code_version);
    return [
      {
        kind: 'session',
        sessionId: stringOf(line.session_id) ?? '',
        ...(model === undefined ? {} : { model }),
        ...(cwd === undefined ? {} : { cwd }),
        ...(version === undefined ? {} : { version }),
        message: line,
      },
    ];
  }
  if (line.subtype === 'api_retry') {
    return [
      {
        kind: 'throttled',
        delayMs: numberOf(line.retry_delay_ms) ?? 0,
        attempt: numberOf(line.attempt) ?? 0,
        maxRetries: numberOf(line.max_retries) ?? 0,
        status: numberOf(line.error_status) ?? null,
        reason: stringOf(line.error) ?? 'unknown',
      },
    ];
  }
  return [{ kind: 'message', message: line }];
}

function readStart(line: JsonObject): StreamAction {
  const engine = stringOf(line.engine);
  return {
    kind: 'start',
    executionId: stringOf(line.execution_id) ?? '',
    ...(engine === undefined ? {} : { engine }),
  };
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
  if (error !== undefined) complete.error = error;
  if (message !== undefined) complete.message = message;
  return complete;
}
