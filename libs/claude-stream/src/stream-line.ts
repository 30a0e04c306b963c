/**
 * The shapes of the lines we look into, as far as we look: Claude Code's stream-json, and claude-api's own lines.
 * Everything is optional because nothing here validates; readers check what they use.
 */
import type { BackgroundTask } from '@cc-executor/protocol';

export type JsonObject = Record<string, unknown>;

export type ContentBlock = {
  type?: string;
  text?: string;
};

/** A `result` line: how Claude Code says that a run has ended. */
export type ClaudeResult = JsonObject & {
  type: 'result';
  subtype?: string;
  is_error?: boolean;
  result?: string;
  errors?: unknown[];
  api_error_status?: number | null;
  api_error_type?: string | null;
  /** Claude Code's own word for it, where it has one: `usage_limit_reached`, `max_output_tokens` … */
  api_error?: string;
  terminal_reason?: string;
  stop_reason?: string | null;
  session_id?: string;
  num_turns?: number;
  duration_ms?: number;
  total_cost_usd?: number;
  usage?: JsonObject;
  modelUsage?: JsonObject;
  model_usage_since_last_result?: JsonObject;
  permission_denials?: unknown[];
  structured_output?: unknown;
  duration_api_ms?: number;
  time_to_request_ms?: number;
};

export type StreamEventLine = JsonObject & {
  event?: {
    type?: string;
    index?: number;
    delta?: { type?: string; text?: string };
    content_block?: ContentBlock;
  };
  abandoned_blocks?: { from_block_index?: number };
};

export type AssistantLine = JsonObject & {
  message?: { model?: string; content?: string | ContentBlock[] };
  is_api_error_message?: boolean;
};

/** claude-api's last line. */
export type Complete = {
  /** `success`, `error`, `cancelled`, `timeout`, or what else the service says. */
  status: string;
  exitCode?: number | null;
  /** Length and SHA-256 (hexadecimal) of the answer's text, as the service saw it. */
  bytes?: number;
  digest?: string;
  error?: string;
  message?: string;
  /** Null: the conversation that Claude Code named was not kept, and cannot be continued. */
  conversation?: null;
  /** What still ran in the background, and was ended. */
  backgroundTasks?: BackgroundTask[];
  /** Of what the run has changed in its workspace, where the service keeps that. */
  diff?: { bytes: number; sha256: string; files: number };
};

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
