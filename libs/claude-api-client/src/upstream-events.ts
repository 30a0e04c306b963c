/** What a call to claude-api gives: events, and as the last one its outcome, exactly one. */
import type { ClaudeFailureCode, Digest, JsonObject, RunSummary } from '@cc-executor/claude-stream';

/** What claude-api is asked. */
export interface UpstreamRequest {
  executionId: string;
  question: string;
  /** After so long, in ms, claude-api itself ends the execution, whatever becomes of us. Older services ignore it. */
  timeoutMs?: number;
  options: {
    model?: string | undefined;
    fallbackModel?: string | undefined;
    appendSystemPrompt?: string | undefined;
    allowedTools?: readonly string[] | undefined;
    disallowedTools?: readonly string[] | undefined;
    permissionMode?: string | undefined;
    maxTurns?: number | undefined;
    maxBudgetUsd?: number | undefined;
    effort?: string | undefined;
    addDirs?: readonly string[] | undefined;
    mcpConfig?: string | readonly string[] | undefined;
    env?: Readonly<Record<string, string>> | undefined;
    workspace?: string | undefined;
    conversation?: string | undefined;
  };
}

export type UpstreamEvent =
  /** claude-api has taken the work. Comes once, before every other event but `end`. */
  | { type: 'started'; executionId?: string; engine?: string }
  | { type: 'session'; sessionId: string; model?: string; cwd?: string; version?: string }
  /** A piece of the answer; `begin` on the first piece of each text block. */
  | { type: 'text'; text: string; begin: boolean }
  /** All text since the last `begin` is void. */
  | { type: 'discard'; reason: string }
  | { type: 'message'; message: JsonObject }
  | {
      type: 'throttled';
      delayMs: number;
      attempt: number;
      maxRetries: number;
      status: number | null;
      reason: string;
    }
  /** The execution stands still: no output comes, and no limit counts, before `resumed`. They take turns. */
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'end'; outcome: UpstreamOutcome };

/** A call under way. */
export interface UpstreamCall extends AsyncIterable<UpstreamEvent[]> {
  /**
   * Asks claude-api to hold the execution, or to let it go on, at the address that the call is connected to: behind one
   * name there may be several. Tries once, and never throws. After `ok` the event comes, unless the call ends first.
   */
  setPaused(paused: boolean): Promise<PauseAnswer>;
}

export type PauseAnswer =
  | { ok: true }
  | { ok: false; reason: string /** Another try may go better. */; retryable: boolean };

/** What a success rests on. */
export type Evidence = 'complete-line' | 'result-line' | 'clean-eof';

/** What is known at the end. `digest` is our own, over the text events after discards. */
export interface UpstreamSummary extends RunSummary {
  digest?: Digest;
  /** The execution, by the id with which claude-api took it. */
  executionId?: string;
}

/** claude-api does not take the request as it is: nothing has begun, and nothing would by asking again. */
export const refusalCodes = [
  'options_invalid',
  'beyond_ceiling',
  'tool_options_refused',
  'workspaces_off',
  'workspace_invalid',
  'conversation_unknown',
  'conversation_elsewhere',
] as const;

export type RefusalCode = (typeof refusalCodes)[number];

export type UpstreamFailureCode =
  | 'upstream_unreachable'
  | 'upstream_busy'
  | 'upstream_http_error'
  | 'upstream_cut'
  | 'upstream_incomplete'
  | 'upstream_garbage'
  | 'upstream_error'
  | 'upstream_cancelled'
  | 'upstream_line_too_long'
  | 'digest_mismatch'
  | RefusalCode
  | ClaudeFailureCode;

export type UpstreamLimit = 'firstOutput' | 'idle';

export interface UpstreamFailure extends UpstreamSummary {
  status: 'failed';
  code: UpstreamFailureCode | 'internal';
  message: string;
  /** False only if the request provably never left. */
  sent: boolean;
  httpStatus?: number;
  /** How long claude-api asks to wait before another try. */
  retryAfterMs?: number;
  /** What said that it failed; without it, it is the end that was not as it should be. */
  evidence?: Exclude<Evidence, 'clean-eof'>;
}

export type UpstreamOutcome =
  | ({
      status: 'completed';
      evidence: Evidence;
      /** The last text block; of plain text, all of it. */
      text?: string;
      digest: Digest;
      /** SHA-256 as claude-api gave it; it equals ours. */
      upstreamDigest?: string;
    } & UpstreamSummary)
  | UpstreamFailure
  | ({ status: 'timed_out'; limit: UpstreamLimit } & UpstreamSummary)
  /** Ended by the caller's signal, or by closing the client. */
  | ({ status: 'aborted' } & UpstreamSummary);
